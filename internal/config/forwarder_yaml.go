package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// What may be said of the machine, read without being asked, and joined to one
// event.
var (
	hostFacts      = []string{"os", "kernel", "arch", "ip", "machine_id", "boot_id", "cloud"}
	formats        = []string{"", "docker", "cri", "container", "json", "logfmt"}
	multilineKinds = []string{"java", "python", "go", "ruby", "php", "dotnet", "javascript"}
	maskKinds      = []string{"secrets", "cards", "emails", "ips"}
)

// mostLine is record.MaxValue, which this package may not import; a test of
// cmd/scribe holds the two together.
const mostLine = 1 << 20

// addYAML reads the text of a scribe.yml and merges it.
func (m *merger) addYAML(name string, text []byte) {
	m.yaml = true
	r := forwarderReader{
		reader: reader{file: name, lax: true, lookup: m.lookup, set: &m.set},
		out:    m.out, folder: filepath.Dir(name),
	}
	r.document(text, r.top())
	m.out.Warnings = append(m.out.Warnings, r.warnings...)
	m.problems = append(m.problems, r.problems...)
}

// forwarderReader reads scribe.yml.
type forwarderReader struct {
	reader
	out    *Forwarder
	folder string // of the file: what relative names are relative to
}

func (r *forwarderReader) top() []key {
	c := r.out
	rd := &r.reader
	return []key{
		{"host", "name of this machine in the field host; default: its host name", r.text(&c.Host)},
		{"fields", "added to every line", r.fields(&c.Fields)},
		{"host_facts", "what is told of this machine with every line: a list, or true for all", r.facts(&c.HostFacts)},
		{"output", "where the lines go", r.output()},
		{"limits", "what scribe may use", r.section(
			key{"memory", "all of scribe's memory; the buffers and the collector keep to it", r.size(&c.Limits.Memory, leastMemory)},
			key{"bandwidth", "bytes per second to the servers, after compression; 0: no limit", r.size(&c.Limits.Bandwidth, 0)},
			key{"open_files", "files open at a time; 0: half of what the process may open, at most 4096", r.number(&c.Limits.OpenFiles, 0, 1<<20)},
			key{"queue", "lines that wait for an acknowledgement, in bytes", r.size(&c.Limits.Queue, 64<<10)})},
		{"files", "the files to read", listOf(rd, &c.Files, r.newGroup, r.fileKeys)},
		{"stdin", "read the standard input", optional(r, &c.Stdin, func() FileGroup {
			return FileGroup{Paths: []string{"-"}, DeadTime: DefaultDeadTime, File: r.file}
		}, func(g *FileGroup) []key { return append(r.lineKeys(g), r.commonKeys(&g.Common)...) })},
		{"journal", "read systemd's journal: true, or what of it", optional(r, &c.Journal, func() Journal { return Journal{} }, r.journalKeys)},
		{"syslog", "take syslog messages", listOf(rd, &c.Syslog, func(*yaml.Node) SyslogListener { return SyslogListener{} }, r.syslogKeys)},
		{"containers", "who is asked about containers, for the fields of their lines", r.section(
			key{"docker", "address of Docker's socket", parsed(rd, &c.Docker, schema{"type": "string"}, parseSocket)},
			key{"kubernetes", "the API server", optional(r, &c.Kubernetes, func() Kubernetes { return Kubernetes{} }, r.kubernetesKeys)})},
		{"spool", "a queue on disk for sources that cannot wait: the standard input, sockets", r.section(
			key{"dir", "its folder; a relative name is below the state directory", r.text(&c.Spool.Dir)},
			key{"bytes", "how large it may get", r.size(&c.Spool.Bytes, 1<<20)})},
		{"rotate", "logrotate configuration files by which scribe rotates", r.names(&c.Rotate)},
		{"metrics", "the endpoint for /metrics, /healthz and /readyz", r.section(
			key{"listen", "host:port of this machine or unix:///path", parsed(rd, &c.MetricsListen, schema{"type": "string"}, ParseMetricsAddress)})},
	}
}

func (r *forwarderReader) output() value {
	c, o := r.out, &r.out.Output
	return r.section(
		key{"servers", "host:port of each server", r.servers(&c.Servers)},
		key{"mode", "failover: in the order given; balance: all of them, each source at one; random: one of them", r.choice(&o.Mode, "failover", "balance", "random")},
		key{"protocol", "lumberjack's version; auto finds out", r.choice(&o.Protocol, "auto", "v2", "v1")},
		key{"tls", "certificates; relative names are relative to this file", r.section(
			key{"ca", "file of the authorities that sign the servers' certificates; default: the system's", r.name(&c.SSLCA)},
			key{"certificate", "file of scribe's own certificate", r.name(&c.SSLCert)},
			key{"key", "file of its key", r.name(&c.SSLKey)},
			key{"name", "name that the servers' certificates must have; default: that in the address", r.text(&o.ServerName)})},
		key{"timeout", "how long a server may be silent, and connecting may take", r.duration(&c.Timeout, time.Second, day)},
		key{"progress", "how long a server may live without acknowledging anything", r.duration(&o.Progress, time.Second, 7*day)},
		key{"rebalance", "with mode balance: how often sources are spread anew", r.duration(&o.Rebalance, time.Second, 365*day)})
}

func (r *forwarderReader) newGroup(n *yaml.Node) FileGroup {
	return FileGroup{DeadTime: DefaultDeadTime, File: r.file, Line: n.Line}
}

func (r *forwarderReader) fileKeys(g *FileGroup) []key {
	rd := &r.reader
	keys := []key{
		{"paths", "patterns: * and ? within a name, ** for any number of folders, - for the standard input", r.texts(&g.Paths)},
		{"exclude", "patterns of paths, or of names, that are left out", r.texts(&g.Exclude)},
		{"start", "where files are begun that scribe does not know: beginning, end, or a date (files that were written before are read from their end)", parsed(rd, &g.Start, schema{"type": "string"}, parseStart)},
		{"ignore_older", "files that were not written for so long when they are found are read from their end", r.duration(&g.DeadTime, 0, 0)},
		{"close_inactive", "how long an unchanged file stays open", r.duration(&g.CloseInactive, time.Second, 0)},
		{"hold_deleted", "up to what a removed file that is not yet sent is kept open", r.section(
			key{"time", "for how long", r.duration(&g.HoldTime, time.Second, 0)},
			key{"bytes", "how much of the disk", r.size(&g.HoldBytes, 0)})},
		{"compressed", "read rotated .gz and .zst files that were never read", r.not(&g.SkipCompressed)},
	}
	return append(append(keys, r.lineKeys(g)...), r.commonKeys(&g.Common)...)
}

// lineKeys are about how bytes become lines.
func (r *forwarderReader) lineKeys(g *FileGroup) []key {
	return []key{
		{"encoding", "a name of the WHATWG's list: utf-8, utf-16le, latin1, shift_jis …", r.text(&g.Encoding)},
		{"max_line", "the longest line", r.sizeMost(&g.MaxLine, 16, mostLine)},
		{"over_long", "what happens to longer ones: split or truncate", r.overLong(&g.Truncate)},
		{"multiline", "lines that belong together: ready-made kinds or a pattern", r.multiline(&g.Multiline)},
		{"format", "what the lines are wrapped in, or written as", r.choice(&g.Format, formats...)},
	}
}

// commonKeys are those of all sources.
func (r *forwarderReader) commonKeys(c *Common) []key {
	return []key{
		{"fields", "added to every line of this source", r.fields(&c.Fields)},
		{"priority", "higher ones leave first", r.number(&c.Priority, 0, 9)},
		{"rules", "what is done with the lines, in this order", listOf(&r.reader, &c.Rules, r.newRule, r.ruleKeys)},
	}
}

func (r *forwarderReader) newRule(n *yaml.Node) Rule {
	n = target(n)
	actions := 0
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value != "if" {
			actions++
		}
	}
	if n.Kind == yaml.MappingNode && actions != 1 {
		r.fail(n, "rules", "a rule does one thing: drop, keep, sample, mask, add, remove or rename")
	}
	return Rule{File: r.file, Line: n.Line}
}

func (r *forwarderReader) ruleKeys(c *Rule) []key {
	return []key{
		{"drop", "lines that match this filter are dropped", r.filled(&c.Drop)},
		{"keep", "only lines that match this filter are kept", r.filled(&c.Keep)},
		{"sample", "the share of the lines that is kept", r.sample(c)},
		{"mask", "what is hidden: secrets, cards, emails, ips, or {pattern: …, with: …}", r.masks(&c.Mask)},
		{"add", "fields to add", r.fields(&c.Add)},
		{"remove", "fields to remove", r.texts(&c.Remove)},
		{"rename", "fields to rename: old: new", r.fields(&c.Rename)},
		{"if", "only lines that match this filter; not with drop and keep", r.filled(&c.If)},
	}
}

func (r *forwarderReader) journalKeys(j *Journal) []key {
	return append([]key{
		{"units", "only these units", r.texts(&j.Units)},
		{"matches", "only entries with these fields, as journalctl's: PRIORITY=3", r.texts(&j.Matches)},
		{"since", "where a journal is begun that scribe does not know: boot, beginning, end or a date", r.text(&j.Since)},
		{"all", "keep every other field of the entries, too, below journal", r.flag(&j.All)},
	}, r.commonKeys(&j.Common)...)
}

func (r *forwarderReader) syslogKeys(l *SyslogListener) []key {
	return append([]key{
		{"listen", "unix:///path (datagrams), unix-stream:///path, udp://host:port or tcp://host:port", parsed(&r.reader, &l.Listen, schema{"type": "string"}, parseSyslog)},
		{"remote", "allow an address that other machines reach: syslog has no authentication", r.flag(&l.Remote)},
	}, r.commonKeys(&l.Common)...)
}

func (r *forwarderReader) kubernetesKeys(k *Kubernetes) []key {
	return []key{
		{"url", "address of the API server", r.text(&k.URL)},
		{"token_file", "file of the service account's token", r.name(&k.TokenFile)},
		{"ca", "file of the cluster's authority", r.name(&k.CA)},
		{"node", "name of this node", r.text(&k.Node)},
	}
}

// parseStart reads beginning, end, a date or a time.
func parseStart(s string) (Start, error) {
	switch s {
	case "beginning", "":
		return Start{}, nil
	case "end":
		return Start{End: true}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return Start{Since: t}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", time.DateTime} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return Start{Since: t}, nil
		}
	}
	return Start{}, fmt.Errorf("%q: write beginning, end, a date such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z", s)
}

// parseSocket reads unix:///path; a bare path is one too.
func parseSocket(s string) (string, error) {
	path := strings.TrimPrefix(s, "unix://")
	if !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("%q is no socket: write unix:///var/run/docker.sock", s)
	}
	return "unix://" + path, nil
}

// ParseMetricsAddress reads where the metrics are served: an address that only this
// machine reaches.
func ParseMetricsAddress(s string) (string, error) {
	if strings.HasPrefix(s, "unix:") {
		return parseSocket(s)
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is no address: write host:port or unix:///path", s)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("%q: only this machine may reach the endpoint, since nobody is asked who he is: write 127.0.0.1:port or unix:///path", s)
	}
	return s, nil
}

func parseSyslog(s string) (string, error) {
	u, err := url.Parse(s)
	bad := fmt.Errorf("%q: write unix:///path (datagrams), unix-stream:///path, udp://host:port or tcp://host:port", s)
	if err != nil {
		return "", bad
	}
	switch u.Scheme {
	case "unix", "unixgram", "unix-stream":
		if u.Host == "" && strings.HasPrefix(u.Path, "/") {
			return s, nil
		}
	case "udp", "tcp":
		if _, _, err := net.SplitHostPort(u.Host); err == nil && u.Path == "" {
			return s, nil
		}
	}
	return "", bad
}

// checkPatternText says what is wrong with a regular expression; those of grok are
// left to who knows their names.
func checkPatternText(s string) error {
	if strings.Contains(s, "%{") {
		return nil
	}
	if _, err := regexp.Compile(s); err != nil {
		return fmt.Errorf("%w (regular expressions are those of RE2: no look-around, no back references)", err)
	}
	return nil
}
