package config

import (
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.yaml.in/yaml/v4"
)

// ParseServer is LoadServer for a text; name stands in the errors.
func ParseServer(name string, text []byte) (*Server, error) {
	r := serverReader{reader: reader{file: name}, out: DefaultServer()}
	if len(text) > maxServer {
		return nil, Problems{{File: name, Msg: "is too large"}}
	}
	if !r.document(text, r.top()) {
		return nil, r.problems
	}
	r.finish()
	if err := r.problems.asError(); err != nil {
		return nil, err
	}
	return r.out, nil
}

// serverReader reads journalist's configuration.
type serverReader struct {
	reader
	out *Server
}

func (r *serverReader) top() []key {
	c := r.out
	rd := &r.reader
	return []key{
		{"data", "folder of the store", r.text(&c.Data)},
		{"http", "the page and the API", r.section(
			key{"addr", "host:port to listen on", r.addr(&c.HTTP.Addr, false)},
			key{"tls", "a certificate of your own", r.section(
				key{"cert", "its file", r.text(&c.HTTP.TLS.Cert)},
				key{"key", "the file of its key", r.text(&c.HTTP.TLS.Key)})},
			key{"names", "names of the server, for its own certificate", r.texts(&c.HTTP.Names)})},
		{"lumberjack", "the listener for forwarders", r.section(
			key{"addr", "host:port to listen on, or off", r.addr(&c.Lumberjack.Addr, true)},
			key{"client_ca", "file of more authorities that may sign clients' certificates", r.text(&c.Lumberjack.ClientCA)})},
		{"retention", "when data goes", r.section(
			key{"default", "for datasets without a rule of their own", r.retention(&c.Retention.Default)},
			key{"datasets", "by the name of the dataset", value{read: r.datasets}})},
		{"disk_floor", "how much of the disk stays free: 5% or 2GB", parsed(rd, &c.DiskFloor, nil, ParseFloor)},
		{"timezone", "where lines come from whose time names no zone", parsed(rd, &c.Zone, nil, loadZone)},
		{"log", "what the program tells of itself", r.section(
			key{"level", "debug, info, warn or error", parsed(rd, &c.Log.Level, nil, parseLevel)})},
	}
}

func (r *serverReader) addr(to *string, mayBeOff bool) value {
	return value{single: true, read: func(n *yaml.Node, path string) {
		s, ok := r.scalar(n, path)
		if !ok {
			return
		}
		// YAML 1.1 would read off as false; the text is what counts here.
		if _, _, err := net.SplitHostPort(s); err != nil && (!mayBeOff || s != "off") {
			r.fail(n, path, "%q is no address: write host:port or :port", s)
			return
		}
		*to = s
	}}
}

func (r *serverReader) retention(to *Retention) value {
	return r.section(
		key{"age", "how long lines are kept", parsed(&r.reader, &to.Age, durationSchema, ParseDuration)},
		key{"bytes", "how much is kept", parsed(&r.reader, &to.Bytes, sizeSchema, ParseSize)})
}

func (r *serverReader) datasets(n *yaml.Node, path string) {
	r.pairs(n, path, func(k, v *yaml.Node, path string) {
		if k.Value == "" {
			r.fail(k, path, "a dataset has a name")
			return
		}
		var rule Retention
		r.retention(&rule).read(v, path)
		r.out.Retention.Datasets[k.Value] = rule
	})
}

// finish checks what concerns several keys.
func (r *serverReader) finish() {
	if tls := r.out.HTTP.TLS; (tls.Cert == "") != (tls.Key == "") {
		r.problems = append(r.problems, Problem{File: r.file, Key: "http.tls", Msg: "cert and key are needed together"})
	}
}

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the time zone %q is not known: write a name such as Europe/Berlin, UTC or Local", name)
	}
	return zone, nil
}

func parseLevel(text string) (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("%q is no level: write debug, info, warn or error", text)
	}
	return level, nil
}
