package main

import (
	"sync"
	"sync/atomic"

	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/frame"
	"journalist/internal/record"
	"journalist/internal/source/container"
)

// containers are the options of who knows containers, nil when no files are theirs.
func containers(conf *config.Forwarder) *container.Options {
	asked := conf.Docker != "" || conf.Kubernetes != nil
	for _, g := range conf.Files {
		asked = asked || isContainer(g.Format)
	}
	if !asked {
		return nil
	}
	o := &container.Options{Docker: conf.Docker}
	if k := conf.Kubernetes; k != nil {
		o.Kubernetes = &container.Kubernetes{URL: k.URL, TokenFile: k.TokenFile, CA: k.CA, Node: k.Node}
	}
	return o
}

func isContainer(format string) bool {
	return format == frame.FormatDocker || format == frame.FormatCRI || format == frame.FormatContainer
}

func (f *forwarder) openContainers(o container.Options) (opened, error) {
	o.Logger, o.Metrics = f.log, f.set
	e, err := container.New(o)
	if err != nil {
		return opened{}, err
	}
	f.enricher.Store(e)
	return opened{run: e.Run, status: func() cli.ScribeSource {
		st := e.Status()
		return cli.ScribeSource{
			Name: "containers", Lines: 0, Waiting: int64(st.Known), Unit: "known", LastError: st.LastError, LastErrorAt: st.LastErrorAt,
		}
	}}, nil
}

// enricher is who is asked about containers now.
type enricher struct {
	atomic.Pointer[container.Enricher]

	mu    sync.Mutex
	known map[[2]*record.Pair][]record.Pair
}

// mostEnriched bounds the fields that are remembered.
const mostEnriched = 10_000

// enrich adds what is known of the container whose file l is of. Fields that are
// there already win.
func (e *enricher) enrich(l *record.Lines) {
	now := e.Load()
	if now == nil {
		return
	}
	path := ""
	for _, p := range l.Fields {
		if p.Name == record.FieldFile {
			path = p.Value
		}
	}
	found := now.Enrich(path)
	if len(found) == 0 {
		return
	}
	key := [2]*record.Pair{&found[0], &l.Fields[0]}
	e.mu.Lock()
	defer e.mu.Unlock()
	fields, ok := e.known[key]
	if !ok {
		if e.known == nil || len(e.known) >= mostEnriched {
			e.known = map[[2]*record.Pair][]record.Pair{}
		}
		fields = overlay(found, l.Fields)
		e.known[key] = fields
	}
	l.Fields = fields
}
