package main

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"journalist/internal/config"
	"journalist/internal/facts"
	"journalist/internal/frame"
	"journalist/internal/metrics"
	"journalist/internal/query/exec"
	"journalist/internal/record"
	"journalist/internal/rules"
	"journalist/internal/ship"
	"journalist/internal/source/container"
	"journalist/internal/source/syslog"
	"journalist/internal/tail"
)

// plan is a configuration made ready: everything of it that can be wrong was looked
// at, and nothing runs yet.
type plan struct {
	conf  *config.Forwarder
	ship  ship.Options
	host  string       // in the field host
	files []tail.Group // but for the standard input
	stdin []tail.Group // at most one
	// common are the fields of all lines; journal and syslog are the rules of these
	// sources.
	common  []record.Pair
	journal *rules.Rules
	syslog  []*rules.Rules
	// tailBytes bounds the buffers of files, queueBytes those of the queue.
	tailBytes, queueBytes int64
	metrics               string // where /metrics is, "" for nowhere
	rotate                []string
	memory                int64 // 0 is no limit
	spool                 string
	spoolPriority         uint8
	containers            *container.Options // nil: no files of containers
}

// planner makes plans of one process.
type planner struct {
	s   settings
	dir string // of the state
	log *slog.Logger
	set *metrics.Set
	// enricher is shared by all plans.
	enricher *enricher
}

// load reads the configuration and makes it ready.
func (p planner) load() (*plan, error) {
	conf, err := config.LoadForwarder(p.s.config, nil)
	if err != nil {
		return nil, withWarnings(err, conf)
	}
	for _, w := range conf.Warnings {
		p.log.Warn("configuration", "problem", w.Error())
	}
	return p.make(conf)
}

// make turns a configuration into the options of the components. All its mistakes
// are in the error, a config.Problems.
func (p planner) make(conf *config.Forwarder) (*plan, error) {
	out := &plan{conf: conf, host: conf.Host, metrics: conf.MetricsListen, memory: conf.Limits.Memory, rotate: slices.Concat(conf.Rotate, p.s.rotate)}
	if p.s.host != "" {
		out.host = p.s.host
	}
	if out.host == "" {
		out.host = hostName()
	}
	if p.s.memory > 0 {
		out.memory = p.s.memory
	}
	if p.s.metrics != "" {
		out.metrics = p.s.metrics
	}
	if conf.Spool.Dir != "" {
		out.spool = conf.Spool.Dir
		if !filepath.IsAbs(out.spool) {
			out.spool = filepath.Join(p.dir, out.spool)
		}
	}
	out.tailBytes, out.queueBytes = budgets(out.memory, conf.Limits.Queue)
	var problems config.Problems
	fail := func(key string, err error) {
		problems = appendProblem(problems, config.Problem{File: p.s.config, Key: key}, err)
	}
	common := pairs(conf.Fields)
	if len(conf.HostFacts) > 0 {
		found, err := facts.Gather(facts.Options{}, conf.HostFacts...)
		fail("host_facts", err)
		common = overlay(found, common)
	}
	out.common = common
	groups := conf.Files
	if conf.Stdin != nil {
		groups = append(slices.Clone(groups), *conf.Stdin)
	}
	for _, g := range groups {
		files, stdin, errs := p.group(g, common)
		for _, err := range errs {
			problems = appendProblem(problems, config.Problem{File: g.File, Line: g.Line, Key: "files"}, err)
		}
		if len(files.Paths) > 0 {
			out.files = append(out.files, files)
		}
		if len(stdin.Paths) > 0 {
			if len(out.stdin) > 0 {
				problems = append(problems, config.Problem{File: g.File, Line: g.Line, Key: "stdin", Msg: "the standard input is named twice"})
			}
			out.stdin = []tail.Group{stdin}
		}
	}
	var err error
	if conf.Journal != nil {
		out.journal, err = p.rules(conf.Journal.Rules, rules.Text)
		fail("", err)
	}
	for _, l := range conf.Syslog {
		r, err := p.rules(l.Rules, rules.Text)
		fail("", err)
		fail("syslog", syslog.Check(l.Listen, l.Remote))
		out.syslog = append(out.syslog, r)
		out.spoolPriority = max(out.spoolPriority, uint8(l.Priority))
	}
	for _, g := range out.stdin {
		out.spoolPriority = max(out.spoolPriority, g.Priority)
	}
	if out.containers = containers(conf); out.containers != nil {
		_, err := container.New(*out.containers)
		fail("containers", err)
	}
	out.ship, err = p.shipping(conf, out.queueBytes)
	fail("output", err)
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// appendProblem adds an error: as it is when it is a config.Problem itself, else as
// one that stands at this place. nil is none.
func appendProblem(to config.Problems, at config.Problem, err error) config.Problems {
	if err == nil {
		return to
	}
	if !errors.As(err, &at) {
		at.Msg = err.Error()
	}
	return append(to, at)
}

// shipping are the options of the way to the servers.
func (p planner) shipping(conf *config.Forwarder, queue int64) (ship.Options, error) {
	tls, err := ship.TLSConfig(tlsFiles(conf), p.log)
	if err != nil {
		return ship.Options{}, err
	}
	if conf.Output.ServerName != "" {
		tls.ServerName = conf.Output.ServerName
	}
	o := ship.Options{
		Servers: conf.Servers, TLS: tls, Timeout: conf.Timeout, Progress: conf.Output.Progress,
		Mode: ship.Mode(conf.Output.Mode), Protocol: ship.Protocol(conf.Output.Protocol), Rebalance: conf.Output.Rebalance,
		Bandwidth: conf.Limits.Bandwidth, QueueBytes: queue, WindowLines: p.s.windowLines, Logger: p.log, Metrics: p.set,
	}
	if p.s.bandwidth > 0 {
		o.Bandwidth = p.s.bandwidth
	}
	try := o
	try.Metrics = nil
	_, err = ship.New(try) // what is wrong with it is known before anything stops for it
	return o, err
}

// sameWay tells that a shipper of one plan serves another as well. Certificates are
// read anew at each connection.
func sameWay(a, b *plan) bool {
	x, y := a.ship, b.ship
	x.TLS, y.TLS = nil, nil
	return reflect.DeepEqual(x, y) && tlsFiles(a.conf) == tlsFiles(b.conf) && a.conf.Output.ServerName == b.conf.Output.ServerName
}

// group makes the two parts of an element of files: what the tailer follows, and
// the standard input.
func (p planner) group(g config.FileGroup, common []record.Pair) (files, stdin tail.Group, errs []error) {
	format := rules.Text
	o := frame.Options{MaxLine: int(g.MaxLine), Encoding: g.Encoding}
	switch g.Format {
	case "json":
		format = rules.JSON
	case "logfmt":
		format = rules.Logfmt
	default:
		o.Format = g.Format
	}
	if g.Truncate {
		o.OverLong = frame.Truncate
	}
	if m := g.Multiline; m != nil {
		o.Multiline = &frame.Multiline{
			Languages: m.Kinds, Pattern: m.Pattern, Negate: m.Negate, What: m.What,
			FlushAfter: m.FlushAfter, MaxLines: m.MaxLines, MaxBytes: int(m.MaxBytes),
		}
	}
	if _, err := frame.New(o); err != nil {
		errs = append(errs, err)
	}
	r, err := p.rules(g.Rules, format)
	if err != nil {
		errs = append(errs, err)
	}
	files = tail.Group{
		Exclude: g.Exclude, Fields: overlay(common, pairs(g.Fields)), DeadTime: g.DeadTime, Frame: o, Priority: uint8(g.Priority),
		Start: tail.Start(g.Start), CloseIdle: g.CloseInactive, HoldTime: g.HoldTime, HoldBytes: g.HoldBytes, SkipCompressed: g.SkipCompressed,
	}
	if g.DeadTime == 0 { // which tail would take for its default
		files.DeadTime = math.MaxInt64
	}
	switch {
	case isContainer(g.Format):
		files.Apply = func(l *record.Lines) {
			p.enricher.enrich(l)
			r.Apply(l)
		}
	case r != nil:
		files.Apply = r.Apply
	}
	stdin = files
	for _, path := range g.Paths {
		if path == "-" {
			stdin.Paths = []string{path}
		} else {
			files.Paths = append(files.Paths, path)
		}
	}
	return files, stdin, errs
}

// hostName is what stands in the field host where nobody says anything else.
func hostName() string {
	name, _ := os.Hostname() // a machine without a name sends an empty one
	return name
}

// rules compiles rules. The error is a config.Problem.
func (p planner) rules(list []config.Rule, format rules.Format) (*rules.Rules, error) {
	o := rules.Options{Format: format, Metrics: p.set}
	for _, c := range list {
		r, err := compileRule(c)
		if err == nil {
			_, err = rules.New(rules.Options{Rules: []rules.Rule{r}})
		}
		if err != nil {
			return nil, config.Problem{File: c.File, Line: c.Line, Key: "rules", Msg: strings.TrimPrefix(err.Error(), "rule 1: ")}
		}
		o.Rules = append(o.Rules, r)
	}
	return rules.New(o)
}

func compileRule(c config.Rule) (r rules.Rule, err error) {
	if c.Drop != "" {
		if r.Drop, err = exec.Predicate(c.Drop); err != nil {
			return r, err
		}
	}
	if c.Keep != "" {
		if r.Keep, err = exec.Predicate(c.Keep); err != nil {
			return r, err
		}
	}
	if c.If != "" {
		if r.If, err = exec.Predicate(c.If); err != nil {
			return r, err
		}
	}
	if c.Sample > 0 {
		r.Sample = &rules.Sample{Rate: c.Sample}
	}
	for _, m := range c.Mask {
		if m.Kind != "" {
			ready, err := rules.Ready(m.Kind)
			if err != nil {
				return r, err
			}
			r.Mask = append(r.Mask, ready...)
			continue
		}
		one, err := rules.Pattern(m.Pattern, m.With)
		if err != nil {
			return r, err
		}
		r.Mask = append(r.Mask, one)
	}
	r.Add, r.Remove = pairs(c.Add), c.Remove
	for _, f := range c.Rename {
		r.Rename = append(r.Rename, rules.Renaming{From: f.Name, To: f.Value})
	}
	return r, nil
}

// tlsFiles: as with logstash-forwarder, half a pair is no pair.
func tlsFiles(conf *config.Forwarder) ship.TLSFiles {
	files := ship.TLSFiles{CA: conf.SSLCA}
	if conf.SSLCert != "" && conf.SSLKey != "" {
		files.Cert, files.Key = conf.SSLCert, conf.SSLKey
	}
	return files
}

func pairs(fields []config.Field) []record.Pair {
	out := make([]record.Pair, len(fields))
	for i, f := range fields {
		out[i] = record.Pair{Name: f.Name, Value: f.Value}
	}
	return out
}

// overlay returns the fields of both; those of over win.
func overlay(under, over []record.Pair) []record.Pair {
	out := slices.DeleteFunc(slices.Clone(under), func(u record.Pair) bool {
		return slices.ContainsFunc(over, func(o record.Pair) bool { return o.Name == u.Name })
	})
	return append(out, over...)
}

// The buffers without a limit of memory, as internal/tail and internal/ship have
// them, and the least that works.
const (
	usualTailBytes  = 6 << 20
	usualQueueBytes = 8 << 20
	leastBytes      = 1 << 20
)

// budgets divides a limit of memory: the rest of it is for the program itself, the
// encoders and the collector.
func budgets(memory, queue int64) (tailBytes, queueBytes int64) {
	tailBytes, queueBytes = usualTailBytes, usualQueueBytes
	if memory > 0 {
		tailBytes = min(tailBytes, max(leastBytes, memory/10))
		queueBytes = min(queueBytes, max(leastBytes, memory/8))
	}
	if queue > 0 {
		queueBytes = queue
		if memory > 0 { // which is a promise
			queueBytes = min(queue, max(leastBytes, memory/4))
		}
	}
	return tailBytes, queueBytes
}

// collectAt is how much garbage there may be beside what is used, in percent. The
// buffers of lines are used again and again, so that collecting more often costs
// next to nothing, and very many files are followed in less memory.
const collectAt = 40

// programBytes is what the collector does not see: mostly the program itself, as
// far as it is read from its file.
const programBytes = 10 << 20

// limitMemory has the collector keep to a limit; 0 leaves it to $GOMEMLIMIT.
func limitMemory(bytes int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if bytes > 0 {
		debug.SetMemoryLimit(bytes - max(bytes/10, programBytes))
	} else if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(math.MaxInt64)
	}
}
