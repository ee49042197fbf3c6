// Package syslog takes syslog messages from a local socket, UDP or TCP.
//
// What a message says is internal/syslog's to read. The lines go to a
// source.Output: internal/source/spool where they are to be on disk first, else by
// internal/rules to internal/ship. Syslog has no acknowledgements: a stream is not
// read while there is no room, datagrams that find none are dropped, counted and
// told by a line of their own.
package syslog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/source"
)

// Options of a Listener. Zero values mean the defaults given.
type Options struct {
	// Listen is unix:///path or unixgram:///path (datagrams, as /dev/log),
	// unix-stream:///path, udp://host:port or tcp://host:port. Required.
	Listen string
	// Remote allows an address that other machines reach. Syslog has neither
	// encryption nor authentication: anybody there can write lines.
	Remote bool
	// Mode is a socket file's mode (0666: whoever may log to /dev/log may here).
	Mode fs.FileMode
	// Output is where the lines go. Required.
	Output source.Output
	// Fields are added to every line, Priority is the lines'.
	Fields   []record.Pair
	Priority uint8
	// Buffer bounds the messages that wait for the output (4 MiB).
	Buffer int
	// MaxMessage is the longest message; longer ones are cut (record.MaxValue).
	MaxMessage int
	// MaxConns bounds the connections of a stream (256).
	MaxConns int
	// Now is the clock, in the zone of times without one (time.Now).
	Now func() time.Time

	Logger  *slog.Logger
	Metrics *metrics.Set
}

// address is a parsed Listen.
type address struct {
	network string // unixgram, unix, udp or tcp
	name    string
}

func (a address) datagrams() bool { return a.network == "unixgram" || a.network == "udp" }
func (a address) local() bool     { return strings.HasPrefix(a.network, "unix") }

func parseListen(s string, remote bool) (address, error) {
	u, err := url.Parse(s)
	bad := fmt.Errorf("syslog: listen %q: write unix:///path, unix-stream:///path, udp://host:port or tcp://host:port", s)
	if err != nil {
		return address{}, bad
	}
	switch u.Scheme {
	case "unix", "unixgram", "unix-stream":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return address{}, bad
		}
		if u.Scheme == "unix-stream" {
			return address{"unix", u.Path}, nil
		}
		return address{"unixgram", u.Path}, nil
	case "udp", "tcp":
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil || port == "" || strings.Trim(u.Path, "/") != "" {
			return address{}, bad
		}
		if ip, err := netip.ParseAddr(host); !remote && host != "localhost" && (err != nil || !ip.IsLoopback()) {
			return address{}, fmt.Errorf("syslog: listen %q: other machines reach this address, and syslog has no authentication: listen on 127.0.0.1, or say that it is meant (remote: true)", s)
		}
		return address{u.Scheme, u.Host}, nil
	}
	return address{}, bad
}

func (o Options) withDefaults() (Options, address, error) {
	addr, err := parseListen(o.Listen, o.Remote)
	if err != nil {
		return o, addr, err
	}
	if o.Output == nil {
		return o, addr, errors.New("syslog: Output is required")
	}
	if o.Mode == 0 {
		o.Mode = 0o666
	}
	if o.Buffer <= 0 {
		o.Buffer = 4 << 20
	}
	if o.MaxMessage <= 0 || o.MaxMessage > record.MaxValue {
		o.MaxMessage = record.MaxValue
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 256
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("syslog", o.Listen)
	return o, addr, nil
}

// Check tells what is wrong with a listener's address, without listening.
func Check(listen string, remote bool) error {
	_, err := parseListen(listen, remote)
	return err
}

// Listener takes messages. Status and Addr may be called from several goroutines;
// Listen and Run once each.
type Listener struct {
	o    Options
	addr address
	m    counters
	q    *queue

	mu       sync.Mutex
	packets  net.PacketConn
	streams  net.Listener
	conns    map[net.Conn]struct{}
	lastErr  string
	lastTime time.Time
}

type counters struct{ messages, bytes, dropped, bad, cut *metrics.Counter }

// Status is a snapshot for scribe status.
type Status struct {
	Listen      string    `json:"listen"`
	Messages    int64     `json:"messages"`
	Bytes       int64     `json:"bytes"`
	Dropped     int64     `json:"dropped"` // datagrams that found no room
	Bad         int64     `json:"bad"`     // messages that were kept as they came
	Waiting     int64     `json:"waiting"` // bytes that the output has not taken
	Connections int       `json:"connections,omitempty"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// New makes a Listener; Run starts it.
func New(o Options) (*Listener, error) {
	o, addr, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	counter := func(name string) *metrics.Counter { return o.Metrics.Counter(name, "listen", o.Listen) }
	l := &Listener{o: o, addr: addr, conns: map[net.Conn]struct{}{}, m: counters{
		messages: counter("scribe_syslog_messages_total"), bytes: counter("scribe_syslog_bytes_total"),
		dropped: counter("scribe_syslog_dropped_total"), bad: counter("scribe_syslog_bad_total"), cut: counter("scribe_syslog_cut_total"),
	}}
	l.q = newQueue(o, l.m)
	return l, nil
}

// Addr is the address that is listened on, nil before Listen.
func (l *Listener) Addr() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.packets != nil:
		return l.packets.LocalAddr()
	case l.streams != nil:
		return l.streams.Addr()
	}
	return nil
}

// Status returns how things are.
func (l *Listener) Status() Status {
	st := l.q.status()
	l.mu.Lock()
	defer l.mu.Unlock()
	st.Listen, st.Connections = l.o.Listen, len(l.conns)
	st.LastError, st.LastErrorAt = l.lastErr, l.lastTime
	return st
}

func (l *Listener) problem(msg string, err error) {
	l.mu.Lock()
	again := l.lastErr == err.Error()
	l.lastErr, l.lastTime = err.Error(), time.Now()
	l.mu.Unlock()
	if !again {
		l.o.Logger.Warn(msg, "error", err)
	}
}

// Listen opens the socket. Run does it where it was not done.
func (l *Listener) Listen(ctx context.Context) error {
	if l.addr.local() {
		if err := clearPath(l.addr.name); err != nil {
			return err
		}
	}
	var lc net.ListenConfig
	var err error
	var packets net.PacketConn
	var streams net.Listener
	if l.addr.datagrams() {
		if packets, err = lc.ListenPacket(ctx, l.addr.network, l.addr.name); err == nil {
			if c, ok := packets.(interface{ SetReadBuffer(int) error }); ok {
				_ = c.SetReadBuffer(4 << 20) // as much as the system allows: room for bursts
			}
			if udp, ok := packets.(*net.UDPConn); ok {
				watchOverflow(udp)
			}
		}
	} else {
		streams, err = lc.Listen(ctx, l.addr.network, l.addr.name)
	}
	if err == nil && l.addr.local() {
		err = os.Chmod(l.addr.name, l.o.Mode)
	}
	l.mu.Lock()
	l.packets, l.streams = packets, streams
	l.mu.Unlock()
	if err != nil {
		l.close()
		return fmt.Errorf("syslog: listen on %s: %w", l.o.Listen, err)
	}
	return nil
}

// clearPath removes the socket of a process that is gone and makes the folder.
func clearPath(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("syslog: folder of the socket: %w", err)
	}
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("syslog: %s exists and is no socket: remove it or listen elsewhere", name)
	}
	for _, network := range []string{"unixgram", "unix"} {
		c, err := net.DialTimeout(network, name, time.Second)
		if err == nil {
			_ = c.Close() // it only shows that somebody is there
		}
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EPROTOTYPE) && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("syslog: %s is in use: another process listens there", name)
		}
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("syslog: %w", err)
	}
	return nil
}

// close ends listening and all connections.
func (l *Listener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.packets != nil {
		_ = l.packets.Close() // nothing was written
		if l.addr.local() {
			_ = os.Remove(l.addr.name) // the next start removes it otherwise
		}
	}
	if l.streams != nil {
		_ = l.streams.Close() // this removes its file
	}
	for c := range l.conns {
		_ = c.Close() // nothing was written
	}
}

// Run takes messages until ctx ends, then hands over what waits, if the output
// takes it within two seconds, and returns nil.
func (l *Listener) Run(ctx context.Context) error {
	if l.Addr() == nil {
		if err := l.Listen(ctx); err != nil {
			return err
		}
	}
	receiving, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	context.AfterFunc(receiving, l.close)
	failed := make(chan error, 1)
	wg.Go(func() {
		if l.addr.datagrams() {
			failed <- l.receive(receiving)
		} else {
			failed <- l.accept(receiving, &wg)
		}
	})
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	sent := make(chan error, 1)
	go func() { sent <- l.q.run(sending) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		if ctx.Err() != nil {
			err = nil
		}
	case err = <-sent:
		sent <- nil
	}
	stop()
	l.close() // AfterFunc may not have come so far
	wg.Wait()
	l.q.close()
	t := time.AfterFunc(2*time.Second, stopSending)
	defer t.Stop()
	if serr := <-sent; err == nil && sending.Err() == nil {
		err = serr
	}
	if n := l.q.left(); n > 0 {
		l.o.Logger.Error("messages were dropped at the end, the output did not take them", "messages", n)
		l.m.dropped.Add(n)
	}
	return err
}
