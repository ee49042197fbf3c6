package discover

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Output is what the proposal says beside the files.
type Output struct {
	Servers       []string // "logs.example.com:5043" by default
	CA, Cert, Key string
}

// Write prints the proposal as a scribe.yml.
func (f *Findings) Write(w io.Writer, o Output, now time.Time) error {
	p := &printer{w: w}
	p.line("# What `scribe discover` found on this machine. Look it over, then run")
	p.line("#   scribe check scribe.yml && scribe run --config scribe.yml")
	p.line("")
	servers := o.Servers
	if len(servers) == 0 {
		servers = []string{"logs.example.com:5043"}
	}
	p.line("output:")
	p.line("  servers: [%s]", quoted(servers))
	if o.CA != "" || o.Cert != "" {
		p.line("  tls:")
		for _, v := range [...][2]string{{"ca", o.CA}, {"certificate", o.Cert}, {"key", o.Key}} {
			if v[1] != "" {
				p.line("    %s: %s", v[0], quote(v[1]))
			}
		}
	} else {
		p.line("  # scribe enroll writes them, under the name of this machine instead of client")
		p.line("  tls: {ca: ca.crt, certificate: client.crt, key: client.key}")
	}
	if len(f.Groups) == 0 {
		p.line("")
		p.line("# No log file was found. Name yours:")
		p.line("# files:")
		p.line("#   - paths: [/var/log/app/*.log]")
		p.line("#     fields: {type: app}")
	} else {
		p.line("")
		p.line("files:")
	}
	for i := range f.Groups {
		p.group(&f.Groups[i], now)
	}
	f.other(p)
	for _, text := range f.Problems {
		p.line("# not looked at: %s", text)
	}
	return p.err
}

// other proposes what is no file.
func (f *Findings) other(p *printer) {
	if f.Journal {
		p.line("")
		p.line("# This machine has systemd's journal. Where services log to it alone:")
		p.line("# journal: {since: boot}")
	}
	if f.Docker {
		p.line("")
		p.line("# Names, images and labels of containers, by Docker's socket:")
		p.line("containers: {docker: \"unix:///var/run/docker.sock\"}")
	}
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) group(g *Group, now time.Time) {
	p.line("  # %s: %s; %s, %s, written %s ago", g.Service, g.Why, count(g.Files, "file"), size(g.Bytes), age(now.Sub(g.Newest)))
	if n := len(g.Unreadable); n > 0 {
		remedy := "run scribe as a user who may"
		if len(g.Groups) > 0 {
			remedy = "add scribe's user to the group " + strings.Join(g.Groups, " or ")
		}
		p.line("  # NOT READABLE for this user: %d of them, as %s; %s", n, g.Unreadable[0], remedy)
	}
	p.line("  - paths: [%s]", quoted(g.Paths))
	if len(g.Exclude) > 0 {
		p.line("    exclude: [%s]", quoted(g.Exclude))
	}
	p.line("    fields: {type: %s}", quote(g.Type))
	for _, v := range [...][2]string{{"format", g.Format}, {"encoding", g.Encoding}, {"multiline", g.Multiline}} {
		if v[1] != "" {
			p.line("    %s: %s", v[0], v[1])
		}
	}
	if g.Start != "" && g.Multiline == "" && g.Format == "" {
		p.line("    multiline: {pattern: '%s', negate: true, what: previous}", strings.ReplaceAll(g.Start, "'", "''"))
	}
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return strings.Join(out, ", ")
}

// quote writes a YAML scalar inside of brackets.
func quote(s string) string {
	plain := s != "" && !strings.HasPrefix(s, "-")
	for _, c := range s {
		if !(c == '/' || c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			plain = false
		}
	}
	if plain && strings.Trim(s, "0123456789.") != "" {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// count writes a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
