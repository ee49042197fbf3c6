package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/config"
)

// serveFlags are the command line of serve. What is set there wins over the file.
type serveFlags struct {
	config, data, http, lumberjack, adminTokenFile    string
	tlsNames                                          []string
	tlsCert, tlsKey, httpTLS                          string
	clientCA, retentionAge, retentionBytes, diskFloor string
	timezone, memory, logLevel                        string
}

func (f *serveFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.config, "config", "", "configuration `FILE` (YAML); flags win over it")
	dataFlag(cmd, &f.data)
	fl.StringVar(&f.http, "http", "127.0.0.1:9292", "where the page and the API listen: host:port or unix:/path")
	fl.StringVar(&f.httpTLS, "http-tls", "auto", "TLS for the page and the API: auto (on every address but loopback), on, off (loopback and unix sockets only)")
	fl.StringVar(&f.tlsCert, "tls-cert", "", "certificate `FILE` for the page and the API instead of our own; renewals are picked up")
	fl.StringVar(&f.tlsKey, "tls-key", "", "its key `FILE`")
	fl.StringSliceVar(&f.tlsNames, "tls-name", nil, "a further name or address in our own server certificate; may be repeated")
	fl.StringVar(&f.lumberjack, "lumberjack", ":5043", "where forwarders connect (scribe, Beats, logstash-forwarder), or off")
	fl.StringVar(&f.clientCA, "lumberjack-client-ca", "", "a PEM `FILE` of further authorities whose client certificates are accepted")
	fl.StringVar(&f.adminTokenFile, "admin-token-file", "", "a `FILE` whose first line is the admin token (at least 20 characters)")
	fl.StringVar(&f.retentionAge, "retention-age", "", "delete what is older: 30d, 1y (default never)")
	fl.StringVar(&f.retentionBytes, "retention-bytes", "", "keep each dataset below this size on disk: 50GB (default no limit)")
	fl.StringVar(&f.diskFloor, "disk-floor", "", "always leave this much of the disk free, 5% or 20GB; below, the oldest data goes (default 5%, at most 1 GiB)")
	fl.StringVar(&f.timezone, "timezone", "", "where lines come from whose time names no zone: Europe/Berlin, UTC (default this machine's)")
	fl.StringVar(&f.memory, "memory", "240MiB", "how much memory to aim at; GOMEMLIMIT wins")
	fl.StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error (default info)")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
}

// serveOptions are what serve needs to know, checked.
type serveOptions struct {
	*config.Server
	data           dataDir
	httpTLS        string
	adminTokenFile string
	memory         int64
}

// options merges defaults, file and flags.
func (f *serveFlags) options(cmd *cobra.Command) (o serveOptions, err error) {
	o.Server = config.DefaultServer()
	if f.config != "" {
		if o.Server, err = config.LoadServer(f.config); err != nil {
			return o, cli.Exit(cli.ExitUsage, err)
		}
	}
	set := cmd.Flags().Changed
	if set("http") {
		o.HTTP.Addr = f.http
	}
	if set("lumberjack") {
		o.Lumberjack.Addr = f.lumberjack
	}
	if set("tls-cert") {
		o.HTTP.TLS = config.TLSFiles{Cert: f.tlsCert, Key: f.tlsKey}
	}
	o.HTTP.Names = append(o.HTTP.Names, f.tlsNames...)
	if set("lumberjack-client-ca") {
		o.Lumberjack.ClientCA = f.clientCA
	}
	o.adminTokenFile, o.httpTLS = f.adminTokenFile, f.httpTLS
	switch f.httpTLS {
	case "auto", "on", "off":
	default:
		return o, cli.Exit(cli.ExitUsage, fmt.Errorf("--http-tls %s: want auto, on or off", f.httpTLS))
	}
	switch {
	case f.data != "":
		o.data = dataDir(f.data)
	case o.Data != "":
		o.data = dataDir(o.Data)
	default:
		o.data = dataDir(defaultData())
	}
	// Messages and the log then name it wherever they are read.
	abs, err := filepath.Abs(string(o.data))
	if err != nil {
		return o, err
	}
	o.data = dataDir(abs)
	return o, f.limits(&o)
}

// limits reads the flags that hold quantities.
func (f *serveFlags) limits(o *serveOptions) error {
	bad := func(flag, value string, err error) error {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("--%s %s: %w", flag, value, err))
	}
	var err error
	if f.retentionAge != "" {
		if o.Retention.Default.Age, err = config.ParseDuration(f.retentionAge); err != nil {
			return bad("retention-age", f.retentionAge, err)
		}
	}
	if f.retentionBytes != "" {
		if o.Retention.Default.Bytes, err = config.ParseSize(f.retentionBytes); err != nil {
			return bad("retention-bytes", f.retentionBytes, err)
		}
	}
	if f.diskFloor != "" {
		if o.DiskFloor, err = config.ParseFloor(f.diskFloor); err != nil {
			return bad("disk-floor", f.diskFloor, err)
		}
	}
	if f.timezone != "" {
		if o.Zone, err = time.LoadLocation(f.timezone); err != nil {
			return bad("timezone", f.timezone, err)
		}
	}
	if f.logLevel != "" {
		var level slog.Level
		if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
			return bad("log-level", f.logLevel, err)
		}
		o.Log.Level = level
	}
	if o.memory, err = config.ParseSize(f.memory); err != nil || o.memory < 64<<20 {
		if err == nil {
			err = fmt.Errorf("at least 64MiB are needed")
		}
		return bad("memory", f.memory, err)
	}
	return nil
}
