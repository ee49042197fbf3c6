package main

import (
	"log/slog"
	"slices"
	"testing"
)

// lines keeps what syslog would get, with the severity before it.
type lines struct{ got []string }

func (l *lines) Err(s string) error     { return l.add("err " + s) }
func (l *lines) Warning(s string) error { return l.add("warning " + s) }
func (l *lines) Info(s string) error    { return l.add("info " + s) }
func (l *lines) Debug(s string) error   { return l.add("debug " + s) }

func (l *lines) add(s string) error {
	l.got = append(l.got, s)
	return nil
}

func TestSyslogSeverities(t *testing.T) {
	var out lines
	log := slog.New(newSyslogHandler(&out, slog.LevelInfo))
	log.Debug("not this")
	log.Info("started", "pid", 17)
	log.With("server", "a:1").Warn("not usable")
	log.WithGroup("g").Error("lost", "time", 3)
	want := []string{`info msg=started pid=17`, `warning msg="not usable" server=a:1`, `err msg=lost g.time=3`}
	if !slices.Equal(out.got, want) {
		t.Errorf("got %q", out.got)
	}
}
