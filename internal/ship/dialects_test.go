package ship

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-lumber/lj"
	v1 "github.com/elastic/go-lumber/server/v1"

	wire "journalist/internal/lumberjack"
	"journalist/internal/record"
	"journalist/internal/testkit/certs"
)

// withExtra gives the last row of a run fields of its own.
func withExtra(l *record.Lines, extra string) *record.Lines {
	addExtra(l, len(l.Rows)-1, extra)
	return l
}

func addExtra(l *record.Lines, row int, extra string) {
	l.Extras = append(l.Extras, record.Extra{Row: uint32(row), Off: uint32(len(l.Data)), Len: uint32(len(extra))})
	l.Data = append(l.Data, extra...)
}

// TestVersion1ToGoLumber: what is sent as version 1 is what another
// implementation's server expects, window after window.
func TestVersion1ToGoLumber(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	ln, err := tls.Listen("tcp", "127.0.0.1:0", ca.Server())
	if err != nil {
		t.Fatal(err)
	}
	batches := make(chan *lj.Batch)
	srv, err := v1.NewWithListener(ln, v1.Channel(batches))
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]string
	most := 0
	ended := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case b := <-batches:
				most = max(most, len(b.Events))
				for _, e := range b.Events {
					got = append(got, e.(map[string]string))
				}
				b.ACK()
			case <-stop:
				return
			}
		}
	}()
	r := ship(t, Options{Servers: []string{ln.Addr().String()}, TLS: clientTLS(t, ca), Protocol: ProtocolV1, WindowLines: 100})
	s := newSource(1)
	r.send(s.lines(250))
	r.send(withExtra(s.lines(1), `{"a":{"b":1},"host":"other"}`))
	r.drain()
	if st := r.Status(); st.Protocol != "lumberjack/1" || st.Failures != 0 || st.LinesAcked != 251 {
		t.Errorf("status %+v", st)
	}
	r.stop()
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	close(stop)
	<-ended
	if len(got) != 251 || most != 100 {
		t.Fatalf("%d events, at most %d at once", len(got), most)
	}
	for i, row := range got[:250] {
		if want := s.name(i); row["line"][:len(want)] != want || row["host"] != "web" || row["file"] != "/f" || i > 0 && row["offset"] == "0" {
			t.Fatalf("event %d is %v", i, row)
		}
	}
	if row := got[250]; row["a.b"] != "1" || row["host"] != "other" {
		t.Errorf("event %v", row)
	}
}

// TestExtrasArrive: fields of single rows arrive in each dialect.
func TestExtrasArrive(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	for protocol, status := range map[Protocol]string{ProtocolAuto: wire.ALPN, ProtocolV2: "lumberjack/2", ProtocolV1: "lumberjack/1"} {
		t.Run(string(protocol), func(t *testing.T) {
			srv := serve(t, ca, newSink(t), "")
			r := ship(t, Options{Servers: []string{srv.addr}, TLS: clientTLS(t, ca), Protocol: protocol})
			s := newSource(1)
			r.send(withExtra(s.lines(3), `{"@timestamp":"1970-01-01T00:00:05Z","http":{"status":200},"host":"other"}`))
			r.send(s.lines(1))
			r.send(withExtra(s.lines(1), `{"message":"instead"}`))
			r.send(withExtra(s.lines(1), `{"a":`))
			r.drain()
			if st := r.Status(); st.Protocol != status || st.Failures != 0 {
				t.Errorf("status %+v", st)
			}
			rows := srv.sink.Rows()
			if len(rows) != 6 {
				t.Fatalf("%d rows", len(rows))
			}
			plain, with, message, bad := rows[3], rows[2], rows[4], rows[5]
			if plain.Fields["host"] != "web" || plain.Fields["http.status"] != "" || rows[1].Fields["host"] != "web" {
				t.Errorf("row %+v", plain)
			}
			if with.Time != 5*int64(time.Second) || with.Fields["http.status"] != "200" || with.Fields["host"] != "other" || with.Fields["file"] != "/f" || with.Message == "" {
				t.Errorf("row %+v", with)
			}
			if message.Message != "instead" || message.Fields["offset"] == "" {
				t.Errorf("row %+v", message)
			}
			if bad.Fields["_extra"] != `{"a":` || bad.Fields["_error"] == "" || bad.Message[:8] != "source-1" {
				t.Errorf("row %+v", bad)
			}
		})
	}
}

// TestBandwidth: a limit holds for what goes over the wire, whoever is on the other
// end.
func TestBandwidth(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	srv := serve(t, ca, newSink(t), "")
	r := ship(t, Options{
		Servers: []string{srv.addr}, TLS: clientTLS(t, ca), Bandwidth: 16 << 10,
	})
	s := newSource(1)
	began := time.Now()
	for range 10 {
		l := s.lines(50)
		for i := range l.Data { // nothing to compress
			if l.Data[i] == '-' {
				l.Data[i] = byte(i*i>>3) | 0x40
			}
		}
		for i := range l.Rows {
			addExtra(l, i, fmt.Sprintf(`{"id":"%x%x"}`, uint64(i+s.next)*0x9e3779b97f4a7c15, uint64(i*7+s.next)*0xbf58476d1ce4e5b9))
		}
		r.send(l)
	}
	r.drain()
	took := time.Since(began)
	st := r.Status()
	if st.Failures != 0 || st.WireBytes < 10<<10 {
		t.Errorf("status %+v", st)
	}
	// What a full bucket holds goes out at once.
	if least := time.Duration(st.WireBytes-2<<10) * time.Second / (16 << 10); took < least {
		t.Errorf("%d bytes in %s, %s are needed", st.WireBytes, took, least)
	}
}

// TestOverdue: a window that is still being written does not count against its
// server, only silence does.
func TestOverdue(t *testing.T) {
	s, err := New(Options{Servers: []string{"a"}, TLS: &tls.Config{}, Timeout: time.Second, Progress: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1e9, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	for _, c := range []struct {
		name                 string
		flights              []*flight
		alive, progress, now int
		says                 string
	}{
		{"nothing under way", nil, 0, 0, 100, ""},
		{"just written", []*flight{{written: at(98)}}, 100, 0, 100, ""},
		{"being written for long", []*flight{{}}, 100, 0, 100, ""},
		{"silent", []*flight{{}}, 98, 98, 100, "no answer"},
		{"alive only", []*flight{{written: at(94)}}, 100, 90, 100, "acknowledged nothing"},
		{"acknowledged since", []*flight{{written: at(90)}}, 100, 96, 100, ""},
		{"the next one is being written", []*flight{{written: at(90)}, {}}, 100, 94, 100, "acknowledged nothing"},
	} {
		ss := &session{s: s, flights: c.flights, alive: at(c.alive), progress: at(c.progress)}
		err := ss.overdue(at(c.now))
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestPriority: lines of higher priority find room in a queue that others fill, and
// leave it first.
func TestPriority(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	sink := newSink(t)
	open := make(chan struct{})
	sink.Before = func(*record.Batch) error { <-open; return nil }
	srv := serve(t, ca, sink, "")
	r := ship(t, Options{Servers: []string{srv.addr}, TLS: clientTLS(t, ca), QueueBytes: 64 << 10, WindowLines: 50, InFlight: 1})
	high, low := newSource(1), newSource(2)
	send := func(s *source, n int, priority uint8) error {
		l := s.lines(n)
		l.Priority = priority
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		return r.Send(ctx, l, nil)
	}
	if err := send(high, 1, 7); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; ; n++ {
		if err := send(low, 20, 0); err != nil {
			break // half of the queue is full
		}
	}
	if st := r.Status(); st.QueueBytes > 40<<10 || st.QueueBytes < 20<<10 {
		t.Errorf("low priority fills %d bytes of the queue", st.QueueBytes)
	}
	for range 5 {
		if err := send(high, 20, 7); err != nil {
			t.Fatal(err)
		}
	}
	close(open)
	r.drain()
	last := 0 // row of the last important line
	for i, row := range sink.Rows() {
		if row.Source == high.id {
			last = i
		}
	}
	if want := 101 + 150; last > want || sink.Len() != 101+20*n {
		t.Errorf("important lines come up to row %d of %d", last, sink.Len())
	}
}

// TestServerOfSmallWindows: a server that closes the connection at windows over a
// size of its own gets smaller ones after some attempts, instead of the same for
// ever.
func TestServerOfSmallWindows(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	addr := fake(t, ca, func(_ int, c *tls.Conn) {
		acknowledge(c, wire.Limits{Window: 50})
	})
	r := ship(t, Options{Servers: []string{addr}, TLS: clientTLS(t, ca), WindowLines: 400})
	r.send(newSource(1).lines(400))
	r.drain()
	if st := r.Status(); st.LinesAcked != 400 || st.Failures < 3 {
		t.Errorf("status %+v", st)
	}
}

func TestAdaptiveWindows(t *testing.T) {
	now := time.Unix(1e9, 0)
	sv := &peer{health: 1}
	ack := func(d time.Duration, full, room bool) int {
		now = now.Add(time.Second)
		sv.ackedWindow(now, d, 10*time.Second, full, room)
		return sv.shift
	}
	for _, c := range []struct {
		d          time.Duration
		full, room bool
		want       int
	}{
		{10 * time.Millisecond, true, true, 0},    // fast: windows are large enough
		{3 * time.Second, true, true, 1},          // slow: smaller ones
		{3 * time.Second, false, false, 2},        //
		{2 * time.Second, true, true, 2},          // neither
		{time.Second, true, true, 1},              // good again
		{time.Second, true, true, 0},              //
		{200 * time.Millisecond, true, true, -1},  // a long pipe: larger ones fill it
		{200 * time.Millisecond, true, true, -1},  // no larger
		{200 * time.Millisecond, false, true, -1}, //
		{20 * time.Millisecond, true, true, 0},
		{200 * time.Millisecond, true, false, 0}, // the queue has no room
		{200 * time.Millisecond, false, true, 0}, // nothing waits
	} {
		if got := ack(c.d, c.full, c.room); got != c.want {
			t.Fatalf("after %s, full %t, room %t: shift %d, want %d", c.d, c.full, c.room, got, c.want)
		}
	}
	sv.failedWith(net.ErrClosed, false, now)
	sv.failedWith(net.ErrClosed, false, now)
	if w := sv.weight(0); w > 0.26 || sv.failures != 2 {
		t.Errorf("weight %f after two failures", w)
	}
	for range 60 {
		ack(10*time.Millisecond, true, true)
	}
	if w := sv.weight(0); w < 0.9 {
		t.Errorf("weight %f after a good minute", w)
	}
	if slow := (&peer{health: 1, latency: time.Second}).weight(10 * time.Millisecond); slow > 0.2 {
		t.Errorf("weight %f of a server a hundred times as slow", slow)
	}
}

func TestWindowSizes(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	for _, c := range []struct {
		o            Options
		speaks       dialect
		shift        int
		lines, bytes int
	}{
		{Options{}, dialectBlocks, 0, 8192, 512 << 10},
		{Options{}, dialectBlocks, -1, 16384, 1 << 20},
		{Options{}, dialectBlocks, 3, 1024, 64 << 10},
		{Options{}, dialectBlocks, mostShift, 1, 64},
		{Options{}, dialectV2, 0, 2048, 512 << 10},
		{Options{}, dialectV2, -1, 4096, 1 << 20},
		{Options{WindowLines: 1024}, dialectV2, -1, 1024, 1 << 20},
		{Options{WindowLines: 10}, dialectV1, mostShift, 1, 64},
		{Options{WindowBytes: 3 << 20}, dialectBlocks, -1, 16384, 3 << 20},
		{Options{Bandwidth: 10}, dialectBlocks, 0, 8192, 64 << 10},
		{Options{Bandwidth: 1 << 40}, dialectBlocks, 0, 8192, 512 << 10},
	} {
		c.o.Servers, c.o.TLS = []string{"a"}, clientTLS(t, ca)
		s, err := New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		ss := &session{s: s, server: &peer{shift: c.shift}, speaks: c.speaks}
		if lines, bytes := ss.windowLocked(); lines != c.lines || bytes != c.bytes {
			t.Errorf("%+v speaking %s, shift %d: %d lines, %d bytes", c.o, c.speaks, c.shift, lines, bytes)
		}
	}
}

func TestChoices(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	for _, o := range []Options{{Mode: "best"}, {Protocol: "v3"}} {
		o.Servers, o.TLS = []string{"a"}, clientTLS(t, ca)
		if _, err := New(o); err == nil {
			t.Errorf("%+v passes", o)
		}
	}
	s, err := New(Options{Servers: []string{"a"}, TLS: clientTLS(t, ca)})
	if err != nil || s.o.Protocol != ProtocolAuto || s.o.Mode != ModeRandom {
		t.Error(s, err)
	}
}
