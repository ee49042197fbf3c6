package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// newLogger makes the logger that everything below gets, and what closes it.
func newLogger(w io.Writer, level slog.Level, toSyslog bool) (*slog.Logger, func(), error) {
	if !toSyslog {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), func() {}, nil
	}
	out, closeOut, err := openSyslog()
	if err != nil {
		return nil, nil, fmt.Errorf("log to syslog: %w", err)
	}
	return slog.New(newSyslogHandler(out, level)), closeOut, nil
}

// severities is the part of a *syslog.Writer that is used.
type severities interface {
	Err(string) error
	Warning(string) error
	Info(string) error
	Debug(string) error
}

func newSyslogHandler(out severities, level slog.Level) *syslogHandler {
	h := &syslogHandler{lock: make(chan struct{}, 1), text: new(strings.Builder), out: out}
	h.Handler = slog.NewTextHandler(h.text, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTimeAndLevel})
	return h
}

// withoutTimeAndLevel leaves out what syslog adds itself.
func withoutTimeAndLevel(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// syslogHandler formats with a text handler and writes with the level as syslog's
// severity. Copies made by WithAttrs share lock, text and out.
type syslogHandler struct {
	slog.Handler
	lock chan struct{} // holds a token while text is in use
	text *strings.Builder
	out  severities
}

// Handle writes one record.
func (h *syslogHandler) Handle(ctx context.Context, r slog.Record) error {
	h.lock <- struct{}{}
	defer func() { <-h.lock }()
	h.text.Reset()
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	line := strings.TrimSuffix(h.text.String(), "\n")
	switch {
	case r.Level >= slog.LevelError:
		return h.out.Err(line)
	case r.Level >= slog.LevelWarn:
		return h.out.Warning(line)
	case r.Level >= slog.LevelInfo:
		return h.out.Info(line)
	}
	return h.out.Debug(line)
}

// WithAttrs returns a handler that adds these attributes.
func (h *syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.Handler = h.Handler.WithAttrs(attrs)
	return &c
}

// WithGroup returns a handler that puts what follows into a group.
func (h *syslogHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.Handler = h.Handler.WithGroup(name)
	return &c
}
