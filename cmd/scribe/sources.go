package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/run"

	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/record"
	"journalist/internal/rules"
	"journalist/internal/source"
	"journalist/internal/source/journal"
	"journalist/internal/source/syslog"
)

// wanted is a source that is no file, or who is asked about containers, as a plan
// has it. One whose key stays the same goes on over a reload.
type wanted struct {
	name, key string
	open      func() (opened, error)
}

// opened is a source that can run. settled, where it is not nil, is called when
// all that will be acknowledged was.
type opened struct {
	run     func(context.Context) error
	settled func() error
	status  func() cli.ScribeSource
}

// others are the sources that are no files. A reload replaces those that changed.
type others struct {
	mu   sync.Mutex
	live []*liveSource
	over bool
}

type liveSource struct {
	wanted
	stop  context.CancelFunc
	ended chan struct{}

	mu      sync.Mutex
	now     opened
	problem string // why it is not open
}

// reopenPause is how long a source waits that could not be opened.
const reopenPause = 5 * time.Second

// openSources opens all sources of the plan; one that cannot be is an error.
func (f *forwarder) openSources(p *plan) error {
	for _, w := range f.wantedSources(p) {
		o, err := w.open()
		if err != nil {
			for _, l := range f.others.live {
				l.settle(f)
			}
			return fmt.Errorf("%s: %w", w.name, err)
		}
		f.others.live = append(f.others.live, &liveSource{wanted: w, now: o})
	}
	return nil
}

// addSources adds the actor of the sources.
func (f *forwarder) addSources(g *run.Group) {
	over := make(chan struct{})
	for _, l := range f.others.live {
		l.start(f)
	}
	g.Add(func() error { <-over; return nil }, func(error) {
		f.others.mu.Lock()
		defer f.others.mu.Unlock()
		f.others.over = true
		for _, l := range f.others.live {
			l.stop()
		}
		for _, l := range f.others.live {
			<-l.ended
		}
		close(over)
	})
}

// settleSources tells the sources, behind the end of everything, that no more acks
// come.
func (f *forwarder) settleSources() {
	for _, l := range f.others.live {
		l.settle(f)
	}
}

// changeSources makes the sources those of another plan.
func (f *forwarder) changeSources(p *plan) {
	o := &f.others
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return
	}
	want := f.wantedSources(p)
	var stay, gone []*liveSource
	for _, l := range o.live {
		i := slices.IndexFunc(want, func(w wanted) bool { return w.key == l.key })
		if i < 0 {
			l.stop()
			gone = append(gone, l)
			continue
		}
		want = slices.Delete(want, i, i+1)
		stay = append(stay, l)
	}
	for _, l := range gone {
		<-l.ended
	}
	if len(gone) > 0 {
		f.delivery.drain() // what they handed out is acknowledged, as far as a server answers
	}
	for _, l := range gone {
		l.settle(f)
	}
	for _, w := range want {
		l := &liveSource{wanted: w}
		l.start(f)
		stay = append(stay, l)
	}
	o.live = stay
}

// start runs the source; where it is not open, it is tried until it is.
func (l *liveSource) start(f *forwarder) {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop, l.ended = cancel, make(chan struct{})
	go func() {
		defer close(l.ended)
		for ctx.Err() == nil {
			l.mu.Lock()
			now := l.now
			l.mu.Unlock()
			var err error
			if now.run == nil {
				now, err = l.open()
			}
			if err == nil {
				l.mu.Lock()
				l.now, l.problem = now, ""
				l.mu.Unlock()
				if err = now.run(ctx); ctx.Err() != nil {
					return
				}
				l.settle(f)
			}
			text := "it ended"
			if err != nil {
				text = err.Error()
			}
			f.log.Error("a source cannot be read, will try again", "source", l.name, "error", text)
			l.mu.Lock()
			l.now, l.problem = opened{}, text
			l.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(reopenPause):
			}
		}
	}()
}

// settle ends the source's use of its state.
func (l *liveSource) settle(f *forwarder) {
	l.mu.Lock()
	settled := l.now.settled
	l.now.settled = nil
	l.mu.Unlock()
	if settled == nil {
		return
	}
	if err := settled(); err != nil {
		f.log.Error("the position of a source cannot be saved", "source", l.name, "error", err)
	}
}

func (l *liveSource) Status() cli.ScribeSource {
	l.mu.Lock()
	now, problem := l.now, l.problem
	l.mu.Unlock()
	s := cli.ScribeSource{Name: l.name}
	if now.status != nil {
		s = now.status()
	}
	s.Problem = problem
	return s
}

// sources says where the sources stand that are no files.
func (f *forwarder) sources() (out []cli.ScribeSource) {
	if f.stdin != nil {
		out = append(out, cli.ScribeSource{Name: "stdin", Waiting: int64(f.stdin.Status().InFlight), Unit: "runs"})
	}
	f.others.mu.Lock()
	live := f.others.live
	f.others.mu.Unlock()
	for _, l := range live {
		out = append(out, l.Status())
	}
	if f.spool != nil {
		st := f.spool.Status()
		s := cli.ScribeSource{
			Name: "spool", Lines: st.Lines, Waiting: st.Waiting, Unit: "bytes", Limit: st.Limit, Lost: st.Lost,
			LastError: st.LastError, LastErrorAt: st.LastErrorAt,
		}
		if st.Full {
			s.Problem = "full: what writes to it waits"
		}
		out = append(out, s)
	}
	return out
}

// wantedSources are the sources of a plan.
func (f *forwarder) wantedSources(p *plan) (out []wanted) {
	common := overlay([]record.Pair{{Name: record.FieldHost, Value: p.host}}, p.common)
	if j := p.conf.Journal; j != nil {
		is := *j
		is.Common = commonUnplaced(is.Common)
		out = append(out, wanted{
			name: "journal", key: fmt.Sprintf("journal %#v %#v", is, common),
			open: func() (opened, error) { return f.openJournal(*j, p.journal, common) },
		})
	}
	for i, l := range p.conf.Syslog {
		r, is := p.syslog[i], l
		is.Common = commonUnplaced(is.Common)
		out = append(out, wanted{
			name: "syslog", key: fmt.Sprintf("syslog %#v %#v", is, common),
			open: func() (opened, error) { return f.openSyslog(l, r, common) },
		})
	}
	if p.containers != nil {
		out = append(out, wanted{
			name: "containers", key: fmt.Sprintf("containers %q %#v", p.containers.Docker, p.containers.Kubernetes),
			open: func() (opened, error) { return f.openContainers(*p.containers) },
		})
	}
	return out
}

// through leads runs through rules to an output.
func through(r *rules.Rules, out source.Output) source.Output {
	return func(ctx context.Context, l *record.Lines, acked func(*record.Lines)) error {
		r.Apply(l)
		return out(ctx, l, acked)
	}
}

func journalOptions(dir string, j config.Journal) journal.Options {
	return journal.Options{Dir: dir, Units: j.Units, Matches: j.Matches, Since: j.Since, All: j.All, Priority: uint8(j.Priority)}
}

func (f *forwarder) openJournal(j config.Journal, r *rules.Rules, common []record.Pair) (opened, error) {
	o := journalOptions(f.dir, j)
	o.Output, o.Fields = through(r, f.delivery.Send), overlay(common, pairs(j.Fields))
	o.Logger, o.Metrics = f.log, f.set
	reader, err := journal.Open(o)
	if err != nil {
		return opened{}, err
	}
	return opened{run: reader.Run, settled: reader.Close, status: func() cli.ScribeSource {
		st := reader.Status()
		return cli.ScribeSource{
			Name: "journal", Lines: st.Entries, Waiting: st.Unacked, Unit: "entries", Lost: st.Gaps,
			LastError: st.LastError, LastErrorAt: st.LastErrorAt,
		}
	}}, nil
}

func (f *forwarder) openSyslog(c config.SyslogListener, r *rules.Rules, common []record.Pair) (opened, error) {
	l, err := syslog.New(syslog.Options{
		Listen: c.Listen, Remote: c.Remote, Output: through(r, f.streams()), Fields: overlay(common, pairs(c.Fields)),
		Priority: uint8(c.Priority), Logger: f.log, Metrics: f.set,
	})
	if err != nil {
		return opened{}, err
	}
	if err := l.Listen(context.Background()); err != nil {
		return opened{}, err
	}
	return opened{run: l.Run, status: func() cli.ScribeSource {
		st := l.Status()
		return cli.ScribeSource{
			Name: st.Listen, Lines: st.Messages, Waiting: st.Waiting, Unit: "bytes", Lost: st.Dropped,
			LastError: st.LastError, LastErrorAt: st.LastErrorAt,
		}
	}}, nil
}
