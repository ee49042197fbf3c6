package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func read(t *testing.T, text string) (*Config, string) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "conf")
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644); err != nil {
		t.Fatal(err)
	}
	c := Read(name)
	var b strings.Builder
	for _, p := range c.Problems {
		b.WriteString(strings.ReplaceAll(p.Error(), dir+"/", "") + "\n")
	}
	return c, b.String()
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/a {\nrotat 7\n}\n", "conf:2: unknown directive \"rotat\": did you mean rotate?\nconf:1: the block of /a is left out because of its mistakes\n"},
		{"copytruncat\n/a {\n}\n", "conf:1: unknown directive \"copytruncat\": did you mean copytruncate?\n"},
		{"/a {\nxyzzyxyzzy 7\n}\n", "conf:2: unknown directive \"xyzzyxyzzy\"\nconf:1: the block of /a is left out because of its mistakes\n"},
		{"/a {\nsize 10Q\n}\n", "conf:2: size: \"10Q\" is no size: write a number, and k, M or G\nconf:1: the block of /a is left out because of its mistakes\n"},
		{"/a {\nrotate\n}\n", "conf:2: rotate needs a value\nconf:1: the block of /a is left out because of its mistakes\n"},
		{"/a {\npostrotate\ntrue\n}\n", "conf:2: postrotate without endscript\nconf:2: the block that begins in line 1 has no }\n"},
		{"}\n", "conf:1: } without {\n"},
		{"/a\n/b\n", "conf:1: no { after the names of log files\n"},
		{"/a {\n", "conf:2: the block that begins in line 1 has no }\n"},
		{"/a {\n/b {\n}\n", "conf:2: a file name inside of a block: is a } missing before it?\nconf:1: the block of /a is left out because of its mistakes\n"},
		{"/a {\nsu nobody_of_that_name x\n}\n", "conf:2: su: unknown user \"nobody_of_that_name\"\nconf:1: the block of /a is left out because of its mistakes\n"},
		{"include DIR/none\n", "conf:1: stat none: no such file or directory\n"},
		{"/a {\ntabooext + .x\n}\n", "conf:2: tabooext: may not stand in a block\nconf:1: the block of /a is left out because of its mistakes\n"},
		{"/a {\nmail root\n}\n", "conf:2: mail: scribe mails no logs; they are forwarded, and removed as without mail\n"},
		{"/a {\nmissingok\n} x\n", "conf:3: unexpected text after }: x\n"},
		{"weekly 9\n", "conf:1: weekly: \"9\" is no weekday: 0 is Sunday, 6 Saturday, 7 every seven days\n"},
		{"include DIR/conf\n", "conf:1: include: files include each other more than 16 deep\n"},
	} {
		if _, got := read(t, c.text); got != c.want {
			t.Errorf("%q: problems are\n%swant\n%s", c.text, got, c.want)
		}
	}
}

func TestBlock(t *testing.T) {
	c, problems := read(t, "compress\nweekly 3\n\"DIR/a b.log\" DIR/*.txt {\n size = 0x10k\n\tdateformat -%Y%m%d \ncreate 0640\n  postrotate\n kill -HUP 1\n  endscript\ncompressoptions -9 '-x y'\n}\n/c { nocompress daily rotate 3 minsize 2M }\n")
	if problems != "" || len(c.Sets) != 2 {
		t.Fatalf("%d sets, %s", len(c.Sets), problems)
	}
	a, b := c.Sets[0], c.Sets[1]
	if a.Threshold != 16<<10 || a.Period != BySize || a.DateFormat != "-%Y%m%d" || a.Create.Mode != 0o640 || a.Post != " kill -HUP 1\n" ||
		len(a.Logs) != 2 || filepath.Base(a.Logs[0]) != "a b.log" || fmt.Sprint(a.Compressor.Options) != "[-9 -x y]" || !a.Compress {
		t.Errorf("%+v", a)
	}
	if b.Period != Daily || b.Compress || b.Rotate != 3 || b.MinSize != 2<<20 || b.Weekday != 3 {
		t.Errorf("%+v", b)
	}
}

func TestDates(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 30, 5, 0, time.UTC)
	for _, c := range []struct {
		set  Set
		want string
	}{
		{Set{}, "-20260301"},
		{Set{Period: Hourly}, "-2026030100"},
		{Set{DateYesterday: true}, "-20260228"},
		{Set{Period: Hourly, DateHourAgo: true}, "-2026022823"},
		{Set{DateFormat: ".%Y-%m-%d_%H%M%S.%V.%s%%z"}, ".2026-03-01_003005.09.1772325005%%z"},
	} {
		got := c.set.DateSuffix(at)
		if _, ok := c.set.DateLayout().Match(got, time.UTC); got != c.want || !ok {
			t.Errorf("%+v: %q, %v, want %q", c.set, got, ok, c.want)
		}
		if _, ok := c.set.DateLayout().Match(got+"x", time.UTC); ok {
			t.Errorf("%q with more behind matches", got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("/a {\nrotate 3\npostrotate\ntrue\nendscript\n}\n")
	f.Add("'/a b' \"/c\" { daily size 100M su root root } # x\ninclude /none\n")
	f.Add("create 0640 root\ntabooext + .x,.y\nweekly 7\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") || strings.Contains(text, "/") {
			text = strings.NewReplacer("include", "daily", "/*", "/a").Replace(text)
		}
		name := filepath.Join(t.TempDir(), "conf")
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		Read(name)
	})
}
