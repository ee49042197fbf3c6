// Package loggen makes log lines as servers write them: sshd, a web server's
// access log, a Java service with stack traces, a database, a kernel. They are
// random but the same for the same seed, and each carries a number, so that a
// test can tell which of them arrived.
//
// It stands beside the way: test/e2e writes its lines for internal/tail to find,
// bench/ measures with them. It is a leaf.
package loggen

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Generator makes numbered lines. It is not safe for concurrent use.
type Generator struct {
	rnd  *rand.Rand
	now  time.Time
	step time.Duration
	next int
	tag  string
}

// New makes a generator whose first line has this time and whose lines are about
// step apart. Every line ends in " n=" + tag + "-" + its number, from 0.
func New(seed uint64, tag string, start time.Time, step time.Duration) *Generator {
	return &Generator{rnd: rand.New(rand.NewPCG(seed, 7)), now: start, step: step, tag: tag}
}

// Next is the number of the next line.
func (g *Generator) Next() int { return g.next }

var (
	users   = []string{"root", "admin", "deploy", "git", "postgres", "oracle", "ubuntu", "test", "guest", "backup"}
	paths   = []string{"/", "/index.html", "/api/v1/orders", "/api/v1/users/{n}", "/static/app.js", "/login", "/health", "/api/v1/cart/{n}/items", "/favicon.ico"}
	agents  = []string{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/8.5.0", "kube-probe/1.31", "Go-http-client/2.0"}
	classes = []string{"com.example.shop.OrderService", "com.example.shop.CartController", "com.example.pay.Gateway", "com.example.stock.Reservation"}
	levels  = []string{"INFO", "INFO", "INFO", "INFO", "DEBUG", "DEBUG", "WARN", "ERROR"}
	tables  = []string{"orders", "customers", "order_items", "sessions", "stock"}
)

// AppendLine appends the next line with its line end.
func (g *Generator) AppendLine(dst []byte) []byte {
	g.now = g.now.Add(time.Duration(g.rnd.Int64N(2*int64(g.step) + 1)))
	switch n := g.rnd.IntN(100); {
	case n < 30:
		dst = g.access(dst)
	case n < 55:
		dst = g.sshd(dst)
	case n < 85:
		dst = g.java(dst)
	case n < 95:
		dst = g.database(dst)
	default:
		dst = g.kernel(dst)
	}
	dst = append(dst, " n="...)
	dst = append(dst, g.tag...)
	dst = append(dst, '-')
	dst = strconv.AppendInt(dst, int64(g.next), 10)
	g.next++
	return append(dst, '\n')
}

func (g *Generator) ip(dst []byte) []byte {
	return fmt.Appendf(dst, "203.0.113.%d", g.rnd.IntN(256)) // TEST-NET-3
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

func (g *Generator) access(dst []byte) []byte {
	dst = g.ip(dst)
	path := strings.ReplaceAll(pick(g.rnd, paths), "{n}", strconv.Itoa(g.rnd.IntN(1e5)))
	if g.rnd.IntN(3) == 0 {
		path += "?id=" + strconv.Itoa(g.rnd.IntN(1e6))
	}
	status := []int{200, 200, 200, 200, 304, 404, 500, 302}[g.rnd.IntN(8)]
	return fmt.Appendf(dst, ` - - [%s] "GET %s HTTP/1.1" %d %d "-" "%s"`,
		g.now.Format("02/Jan/2006:15:04:05 -0700"), path, status, g.rnd.IntN(60000), pick(g.rnd, agents))
}

func (g *Generator) sshd(dst []byte) []byte {
	dst = g.now.AppendFormat(dst, time.Stamp)
	dst = fmt.Appendf(dst, " web-%02d sshd[%d]: ", g.rnd.IntN(20), 1000+g.rnd.IntN(30000))
	switch g.rnd.IntN(3) {
	case 0:
		dst = fmt.Appendf(dst, "Failed password for invalid user %s from ", pick(g.rnd, users))
	case 1:
		dst = fmt.Appendf(dst, "Accepted publickey for %s from ", pick(g.rnd, users))
	default:
		dst = fmt.Appendf(dst, "Connection closed by authenticating user %s ", pick(g.rnd, users))
	}
	dst = g.ip(dst)
	return fmt.Appendf(dst, " port %d ssh2", 1024+g.rnd.IntN(60000))
}

func (g *Generator) java(dst []byte) []byte {
	dst = g.now.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = fmt.Appendf(dst, " %-5s [http-nio-8080-exec-%d] %s - ", pick(g.rnd, levels), g.rnd.IntN(32), pick(g.rnd, classes))
	switch g.rnd.IntN(4) {
	case 0:
		return fmt.Appendf(dst, "order %d placed by customer %d in %d ms", g.rnd.IntN(1e7), g.rnd.IntN(1e5), g.rnd.IntN(900))
	case 1:
		return fmt.Appendf(dst, "payment %08x-%04x declined: insufficient funds, amount=%d.%02d EUR", g.rnd.Uint32(), g.rnd.IntN(65536), g.rnd.IntN(500), g.rnd.IntN(100))
	case 2:
		return fmt.Appendf(dst, "cache miss for key cart:%d, loading from database", g.rnd.IntN(1e6))
	}
	return fmt.Appendf(dst, "java.net.SocketTimeoutException: Read timed out after %d ms at shard-%d", g.rnd.IntN(30000), g.rnd.IntN(16))
}

func (g *Generator) database(dst []byte) []byte {
	dst = g.now.UTC().AppendFormat(dst, "2006-01-02 15:04:05.000 UTC")
	return fmt.Appendf(dst, " [%d] app@shop LOG:  duration: %d.%03d ms  statement: SELECT * FROM %s WHERE id = %d",
		g.rnd.IntN(32768), g.rnd.IntN(2000), g.rnd.IntN(1000), pick(g.rnd, tables), g.rnd.IntN(1e6))
}

func (g *Generator) kernel(dst []byte) []byte {
	dst = g.now.AppendFormat(dst, time.Stamp)
	dst = fmt.Appendf(dst, " db-%02d kernel: [%d.%06d] [UFW BLOCK] IN=eth0 OUT= SRC=", g.rnd.IntN(4), g.rnd.IntN(1e6), g.rnd.IntN(1e6))
	dst = g.ip(dst)
	return fmt.Appendf(dst, " DST=192.0.2.%d LEN=%d TTL=%d PROTO=TCP SPT=%d DPT=%d", g.rnd.IntN(256), 40+g.rnd.IntN(1400), 32+g.rnd.IntN(96), g.rnd.IntN(65536), g.rnd.IntN(65536))
}

// Write writes n lines and returns how many bytes they have.
func (g *Generator) Write(w io.Writer, n int) (int64, error) {
	out := bufio.NewWriterSize(w, 1<<18)
	var line []byte
	var total int64
	for range n {
		line = g.AppendLine(line[:0])
		total += int64(len(line))
		if _, err := out.Write(line); err != nil {
			return total, err
		}
	}
	return total, out.Flush()
}

// Number finds the tag and number at the end of a line's text.
func Number(line string) (tag string, n int, ok bool) {
	i := len(line)
	for i > 0 && line[i-1] >= '0' && line[i-1] <= '9' {
		i--
	}
	if i == len(line) || i < 4 || line[i-1] != '-' {
		return "", 0, false
	}
	n, err := strconv.Atoi(line[i:])
	if err != nil {
		return "", 0, false
	}
	rest := line[:i-1]
	for j := len(rest) - 1; j >= 3; j-- {
		if rest[j-1] == '=' && rest[j-2] == 'n' && rest[j-3] == ' ' {
			return rest[j:], n, true
		}
	}
	return "", 0, false
}
