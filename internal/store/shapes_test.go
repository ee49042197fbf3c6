package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"journalist/internal/record"
)

// maker makes rows of many shapes: lines as servers write them, with few templates
// and many values, beside what is only allowed. The same seed makes the same rows.
type maker struct {
	rng  *rand.Rand
	now  int64
	next int // the number of the next row
	// lines are the makers of messages of this run, more of one kind than of others,
	// so that templates pay.
	lines []func(*maker) string
	wide  int // one row in so many has 2,000 fields, 0 for none
}

func newMaker(rng *rand.Rand) *maker {
	m := &maker{rng: rng, now: start.UnixNano()}
	for range 1 + rng.IntN(4) {
		m.lines = append(m.lines, lineKinds[rng.IntN(len(lineKinds))])
	}
	if rng.IntN(3) == 0 {
		m.lines = append(m.lines, lineKinds...)
	}
	if rng.IntN(3) == 0 {
		m.wide = 600
	}
	return m
}

func (m *maker) pick(list ...string) string { return list[m.rng.IntN(len(list))] }

func (m *maker) chance(n int) bool { return m.rng.IntN(n) == 0 }

func (m *maker) clock(layout string) string { return time.Unix(0, m.now).UTC().Format(layout) }

func (m *maker) ip() string {
	return fmt.Sprintf("10.%d.%d.%d", m.rng.IntN(3), m.rng.IntN(256), 1+m.rng.IntN(254))
}

func (m *maker) uuid() string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", m.rng.Uint32(), m.rng.IntN(1<<16), m.rng.IntN(1<<16), m.rng.IntN(1<<16), m.rng.Int64N(1<<48))
}

// bytes returns n arbitrary bytes, text or not.
func (m *maker) bytes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.rng.Uint32())
	}
	return string(b)
}

// lineKinds are the kinds of messages.
var lineKinds = []func(*maker) string{
	func(m *maker) string {
		return fmt.Sprintf("%s web-%02d sshd[%d]: Failed password for %s%s from %s port %d ssh2", m.clock("Jan _2 15:04:05"), m.rng.IntN(3), 1000+m.rng.IntN(60), m.pick("", "", "invalid user "), m.pick("root", "admin", "Jürgen", "x"), m.ip(), 1024+m.rng.IntN(60000))
	},
	func(m *maker) string {
		return fmt.Sprintf(`%s - %s [%s] "%s /api/v%d/%s/%d?id=%x HTTP/1.1" %d %d "-" "%s"`, m.ip(), m.pick("-", "-", "bob"), m.clock("02/Jan/2006:15:04:05 -0700"), m.pick("GET", "POST"), 1+m.rng.IntN(2), m.pick("orders", "users"), m.rng.IntN(1e5), m.rng.Uint32(), 200+100*m.rng.IntN(4), m.rng.IntN(1e4), m.pick("curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)"))
	},
	func(m *maker) string {
		s := fmt.Sprintf("%s %5s [worker-%d] com.example.%s - took %.3fms for %s", m.clock("2006-01-02 15:04:05.000"), m.pick("INFO", "WARN", "ERROR"), m.rng.IntN(8), m.pick("Order", "Cart"), 100*m.rng.Float64(), m.uuid())
		if m.chance(10) {
			s += "\njava.lang.IllegalStateException: no stock of " + m.uuid() + strings.Repeat("\n\tat com.example.Cart.add(Cart.java:"+fmt.Sprint(m.rng.IntN(900))+")", 1+m.rng.IntN(6))
		}
		return s
	},
	func(m *maker) string {
		return fmt.Sprintf(`level=%s ts=%s msg="request done" user.id=%05d status=%d latency=%dms ok=%t`, m.pick("info", "warn"), m.clock(time.RFC3339Nano), m.rng.IntN(1e5), 200+m.rng.IntN(5), m.rng.IntN(3000), m.chance(2))
	},
	func(m *maker) string {
		return fmt.Sprintf(`{"level":"%s","caller":"api/%s.go:%d","msg":"%s","trace":"%016x","n":%d}`, m.pick("debug", "info"), m.pick("cart", "order"), m.rng.IntN(300), m.pick("cache miss", "cache hit", "größe geändert"), m.rng.Uint64(), m.rng.IntN(50)-25)
	},
	func(m *maker) string {
		return fmt.Sprintf("[%12.6f] eth%d: link %s, %d Mbps", float64(m.next)+m.rng.Float64(), m.rng.IntN(4), m.pick("up", "down"), 10<<m.rng.IntN(4))
	},
	func(m *maker) string { return fmt.Sprint(m.rng.IntN(1e6) - 500) },
	func(m *maker) string { return fmt.Sprintf("%06d", m.next) },
	func(m *maker) string { return m.clock(time.RFC3339) },
	func(m *maker) string { return m.pick(m.uuid(), m.ip(), fmt.Sprintf("%032x", m.rng.Uint64())) },
	func(m *maker) string { return "always the same" },
	func(m *maker) string {
		words := strings.Fields("die Katze saß auf der Matte und ÜBER ihr der Mond Ω 東京 タワー не спит ʼn İstanbul ẞ a_b x-1 50% q@example.org")
		var b strings.Builder
		for range m.rng.IntN(12) {
			b.WriteString(words[m.rng.IntN(len(words))])
			b.WriteString(m.pick(" ", " ", ", ", "…", "-", "  "))
		}
		return b.String()
	},
	func(m *maker) string { return m.bytes(m.rng.IntN(20)) },
	func(m *maker) string {
		return "frame \x00\x01\x02 of " + m.pick("a\x00b", "\x02", "c\x01") + fmt.Sprint(m.rng.IntN(9)) + "\x00"
	},
	func(m *maker) string {
		return "host=" + m.bytes(1) + m.pick("ü", "\xc3", "\xbc", "\xff") + fmt.Sprint(m.rng.IntN(100)) + " \xf0\x9f" + m.pick("", "\x98\x80")
	},
}

// row makes the next row of a dataset.
func (m *maker) row(dataset string) row {
	switch m.rng.IntN(12) {
	case 0, 1, 2: // of the same time as the one before
	case 3:
		m.now += m.rng.Int64N(3600e9) - 1700e9
	default:
		m.now += m.rng.Int64N(50) * 1e6
	}
	m.next++
	r := row{dataset: dataset, time: m.now}
	if m.chance(300) {
		r.time = []int64{0, -1, math.MinInt64 + 1, math.MaxInt64 - 1, start.AddDate(0, -2, 0).UnixNano()}[m.rng.IntN(5)]
	}
	message := m.lines[m.rng.IntN(len(m.lines))](m)
	switch m.rng.IntN(1000) {
	case 0:
		message = strings.Repeat(message+" ", 1+m.rng.IntN(300))
	case 1:
		message = m.bytes(1 + m.rng.IntN(5000))
	case 2:
		message = ""
	}
	m.add(&r, "message", text(message))
	m.fields(&r)
	if m.wide > 0 && m.chance(m.wide) {
		for i := range 2000 - len(r.fields) {
			m.add(&r, fmt.Sprintf("wide.%d", (i*7+m.next*3)%2500), m.value())
		}
	}
	if m.chance(6) {
		m.rng.Shuffle(len(r.fields), func(i, j int) { r.fields[i], r.fields[j] = r.fields[j], r.fields[i] })
	}
	return r
}

func (m *maker) add(r *row, path string, v record.Value) { r.fields = append(r.fields, field{path, v}) }

// fields adds fields of all forms: the same everywhere, of few values, numbers,
// sparse ones, of several kinds, nested, rare.
func (m *maker) fields(r *row) {
	m.add(r, "host", text("web-01"))
	if !m.chance(20) {
		m.add(r, "level", text(m.pick("info", "info", "info", "warn", "error", "Error")))
	}
	m.add(r, "offset", record.IntValue(int64(m.next)*97))
	if m.chance(2) {
		m.add(r, "status", record.IntValue(int64(200+m.rng.IntN(5)*100)))
	}
	if m.chance(3) {
		m.add(r, "http\x00user\x00name", text(m.pick("bob", "Alice", "müller", fmt.Sprint("user", m.rng.IntN(5000)))))
	}
	if m.chance(3) {
		m.add(r, "took", text(m.pick("312ms", "1.5s", "2m", fmt.Sprint(m.rng.IntN(500), "ms"), "slow")))
	}
	if m.chance(4) {
		m.add(r, "size", record.NumberValue(fmt.Appendf(nil, "%d.%02d", m.rng.IntN(100), m.rng.IntN(100))))
	}
	if m.chance(4) {
		m.add(r, "tags", record.Value{Kind: record.JSON, Bytes: []byte(m.array())})
	}
	if m.chance(5) {
		m.add(r, "request", text(m.uuid()))
	}
	if m.chance(3) {
		m.add(r, "mixed", m.value())
	}
	if m.chance(40) {
		m.add(r, "note", text(lineKinds[m.rng.IntN(len(lineKinds))](m)))
	}
	if m.chance(4) {
		m.add(r, fmt.Sprintf("rare%d", m.rng.IntN(300)), m.value())
	}
	if m.chance(30) {
		m.add(r, m.pick("größe", "with space", "a.b", "x\x00y.z", "@meta", `q"uote`, strings.Repeat("long", 100)), m.value())
	}
}

func (m *maker) array() string {
	return m.pick("[]", "{}", `["error","x y"]`, `[1,2.5,true,null,"r\u00f6ot"]`, `[["deep",[404]],{"k":"inner value"}]`, fmt.Sprintf(`["n%d"]`, m.rng.IntN(1000)), `["esc\"aped\\",""]`)
}

// value makes a value of any kind.
func (m *maker) value() record.Value {
	switch m.rng.IntN(9) {
	case 0:
		return record.Value{Kind: record.Null}
	case 1:
		return record.BoolValue(m.chance(2))
	case 2:
		return record.IntValue([]int64{0, -1, 404, 999999999999999999, -999999999999999999, m.rng.Int64N(2000) - 1000}[m.rng.IntN(6)])
	case 3:
		return record.NumberValue([]byte(m.pick("-0", "0.10", "1e3", "1E+400", "-2.5", "12345678901234567890123", "4.04e2")))
	case 4:
		return record.Value{Kind: record.JSON, Bytes: []byte(m.array())}
	case 5:
		return text("")
	case 6:
		return text(m.bytes(m.rng.IntN(8)))
	}
	return text(m.pick("error", "404", "12.5", "Root user", "x", "10ms", "-1", "true", "null", "10.0.0.1"))
}
