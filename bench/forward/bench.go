package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"journalist/internal/ingest/lumberjack"
	"journalist/internal/pki"
	"journalist/internal/record"
	"journalist/internal/testkit/proc"
	"journalist/internal/vfs"
)

// bench is the receiving end, and what the programs are given.
type bench struct {
	o     options
	certs string
	sink  *sink
	// lumberjack is the address of the server with TLS, plain that of one that
	// counts lines as they come.
	lumberjack, plain string

	stop  context.CancelFunc
	ended sync.WaitGroup
	ln    net.Listener
	state int // folders of state made so far
}

// program is one of those that are measured.
type program struct {
	name  string
	start func(pattern string) (*proc.Process, error)
}

// sink counts lines and throws them away.
type sink struct{ lines atomic.Int64 }

// Submit is ingest.Sink's: a batch is at once as safe as it will ever be.
func (s *sink) Submit(_ context.Context, b *record.Batch) <-chan error {
	s.lines.Add(int64(b.Len()))
	done := make(chan error, 1)
	done <- nil
	return done
}

func (s *sink) reset() { s.lines.Store(0) }

// await waits until so many lines came.
func (s *sink) await(ctx context.Context, want int64) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.lines.Load() < want {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d lines came: %w", s.lines.Load(), want, context.Cause(ctx))
		}
	}
	if n := s.lines.Load(); n > want {
		return fmt.Errorf("%d lines came, %d were written", n, want)
	}
	return nil
}

func newBench(o options) (*bench, error) {
	b := &bench{o: o, certs: filepath.Join(o.dir, "certs"), sink: &sink{}}
	for _, path := range []*string{&b.o.bin, &b.o.lsf, &b.o.fluentBit} {
		if *path == "" {
			continue
		}
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	authority, err := pki.Open(vfs.OS, filepath.Join(o.dir, "pki"), pki.Options{Names: []string{"127.0.0.1"}})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(b.certs, 0o700); err != nil {
		return nil, err
	}
	pair, err := authority.Issue("bench-01")
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{"bench-01.crt": pair.Cert, "bench-01.key": pair.Key, "ca.crt": pair.CA} {
		if err := os.WriteFile(filepath.Join(b.certs, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := lumberjack.New(lumberjack.Options{Sink: b.sink, TLS: authority.MutualConfig(nil)})
	if b.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	b.lumberjack, b.plain = l.Addr().String(), b.ln.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	b.stop = func() {
		stop()
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = srv.Shutdown(end) // its clients were killed
	}
	b.ended.Go(func() { _ = srv.Serve(l) }) // ends with Shutdown
	b.ended.Go(func() { b.serveLines(ctx) })
	return b, nil
}

func (b *bench) close() error {
	err := b.ln.Close()
	b.stop()
	b.ended.Wait()
	return err
}

// serveLines counts the lines of plain connections.
func (b *bench) serveLines(ctx context.Context) {
	for {
		c, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.ended.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			defer func() { _ = c.Close() }()
			buf := make([]byte, 256<<10)
			for {
				n, err := c.Read(buf)
				b.sink.lines.Add(int64(bytes.Count(buf[:n], []byte{'\n'})))
				if err != nil {
					return // the program was killed
				}
			}
		})
	}
}

// fresh makes a folder for the state of a program that knows nothing yet.
func (b *bench) fresh() (string, error) {
	b.state++
	return b.folder("state-" + strconv.Itoa(b.state))
}

// folder makes an empty folder below the benchmark's own.
func (b *bench) folder(name string) (string, error) {
	dir := filepath.Join(b.o.dir, name)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

func (b *bench) scribeConfig(pattern string) proc.ScribeConfig {
	return proc.ScribeConfig{
		Servers: []string{b.lumberjack}, Certs: b.certs, Name: "bench-01", Paths: []string{pattern}, Fields: map[string]string{"type": "bench"},
	}
}

func (b *bench) startScribe(pattern string) (*proc.Process, error) {
	dir, err := b.fresh()
	if err != nil {
		return nil, err
	}
	s, err := proc.NewScribe(proc.Binaries{Scribe: filepath.Join(b.o.bin, "scribe")}, dir, b.scribeConfig(pattern))
	if err != nil {
		return nil, err
	}
	s.Args = strings.Fields(b.o.flags)
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s.Process, nil
}

func (b *bench) startLSF(pattern string) (*proc.Process, error) {
	dir, err := b.fresh()
	if err != nil {
		return nil, err
	}
	c := b.scribeConfig(pattern)
	text, err := json.Marshal(map[string]any{
		"network": map[string]any{
			"servers": c.Servers, "timeout": 15, "ssl ca": filepath.Join(c.Certs, "ca.crt"),
			"ssl certificate": filepath.Join(c.Certs, c.Name+".crt"), "ssl key": filepath.Join(c.Certs, c.Name+".key"),
		},
		"files": []any{map[string]any{"paths": c.Paths, "fields": c.Fields}},
	})
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "lsf.conf")
	if err := os.WriteFile(conf, text, 0o600); err != nil {
		return nil, err
	}
	return proc.Start(dir, nil, b.o.lsf, "-config", conf, "-quiet")
}

// startFluentBit: it has no lumberjack output, so that it sends JSON lines in the
// clear and nobody acknowledges them.
func (b *bench) startFluentBit(pattern string) (*proc.Process, error) {
	dir, err := b.fresh()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(b.plain)
	if err != nil {
		return nil, err
	}
	return proc.Start(dir, nil, b.o.fluentBit, "-q", "-f", "1",
		"-i", "tail", "-p", "path="+pattern, "-p", "read_from_head=true", "-p", "db="+filepath.Join(dir, "tail.db"), "-p", "mem_buf_limit=64M",
		"-o", "tcp", "-p", "host="+host, "-p", "port="+port, "-p", "format=json_lines", "-m", "*")
}
