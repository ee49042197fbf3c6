package fleet

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
)

func TestFleet(t *testing.T) {
	now := time.Unix(1000, 0)
	set := metrics.New()
	f := New(func() time.Time { return now }, set)
	f.Heard("web-01", "10.0.0.1", record.Report{Host: "web-01", LagBytes: 7})
	now = now.Add(2 * time.Minute)
	f.Heard("shared", "10.0.0.2", record.Report{Host: "b", LagBytes: 5})
	f.Heard("shared", "10.0.0.3", record.Report{Host: "a"})
	f.Heard("shared", "10.0.0.3", record.Report{Host: "a", LagBytes: 1})
	var names []string
	for _, w := range f.List() {
		names = append(names, w.Name+"/"+w.Host)
	}
	if got := strings.Join(names, " "); got != "web-01/web-01 shared/a shared/b" {
		t.Error(got)
	}
	var b bytes.Buffer
	set.Write(&b)
	for _, want := range []string{"journalist_forwarders 3", "journalist_forwarders_silent 1", "journalist_forwarders_lag_bytes 13"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("metrics lack %q:\n%s", want, b.String())
		}
	}
	now = now.Add(life)
	f.Heard("new", "", record.Report{})
	if n := len(f.List()); n != 3 {
		t.Errorf("%d forwarders after a week, want 3", n)
	}
	now = now.Add(time.Second)
	for i := range most {
		f.Heard("n", "", record.Report{Host: fmt.Sprint(i)})
	}
	if n := len(f.List()); n != most || f.List()[0].Name != "n" {
		t.Errorf("%d forwarders are kept, the oldest %+v", n, f.List()[0])
	}
	var nobody *Fleet
	nobody.Heard("x", "", record.Report{})
	if nobody.List() != nil {
		t.Error("a nil fleet knows somebody")
	}
}
