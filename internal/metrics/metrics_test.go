package metrics

import (
	"strings"
	"testing"
)

func TestDrop(t *testing.T) {
	s := New()
	s.Counter("a_total", "server", "x:1").Inc()
	s.Gauge(func() float64 { return 1 }, "b", "kind", "k", "server", "x:1")
	s.Gauge(func() float64 { return 1 }, "b", "kind", "k", "server", "y:1")
	s.Counter("c_total").Inc()
	s.Drop("server", "x:1")
	s.Drop("none", "x:1")
	var out strings.Builder
	s.set.WritePrometheus(&out)
	if got := out.String(); got != "b{kind=\"k\",server=\"y:1\"} 1\nc_total 1\n" {
		t.Errorf("left are\n%s", got)
	}
	(*Set)(nil).Drop("a", "b")
}
