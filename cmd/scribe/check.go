package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/config"
	rotateconf "journalist/internal/rotate/conf"
	"journalist/internal/ship"
	"journalist/internal/source/container"
	"journalist/internal/source/journal"
	"journalist/internal/tail"
	"journalist/internal/vfs"
)

func (a *app) checkCommand() *cobra.Command {
	var offline bool
	s := settings{}
	cmd := &cobra.Command{
		Use:   "check [FILE|DIRECTORY]",
		Short: "say what is wrong with a configuration, its files and its servers",
		Long: `check reads the configuration, scribe.yml or logstash-forwarder's, looks for the files
that it names, for certificates that end soon and for a state directory that cannot be
written, and tries to reach each server: name, connection, TLS, certificate and
protocol. It sends no line. The exit code is 6 when something is wrong.`,
		Args: usageArgs(func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || (len(args) == 1) == (s.config != "") {
				return errors.New("name one configuration: scribe check FILE|DIRECTORY")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				s.config = args[0]
			}
			c, err := check(cmd.Context(), s, offline)
			if err != nil {
				return err
			}
			if err := cli.WriteScribeCheck(a.stdout, c); err != nil {
				return err
			}
			if c.Problems() > 0 {
				return cli.Exit(cli.ExitCheck, nil)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&s.config, "config", "", "the configuration `file` or directory, as for run")
	cmd.Flags().BoolVar(&offline, "offline", false, "do not connect to the servers")
	cmd.Flags().StringVar(&s.stateDir, "state-dir", "", "`directory` of the positions, to see whether it can be written")
	return cmd
}

// check gathers what is wrong. Its error means that the configuration cannot be
// read at all.
func check(ctx context.Context, s settings, offline bool) (*cli.ScribeCheck, error) {
	out := &cli.ScribeCheck{}
	conf, err := config.LoadForwarder(s.config, nil)
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, cli.Exit(cli.ExitCheck, err)
	}
	var p *plan
	if len(problems) == 0 {
		// What the components say of it: patterns, filters, encodings, certificates.
		p, err = newPlanner(s, stateDir(s.stateDir), slog.New(slog.DiscardHandler)).make(conf)
		if err != nil && !errors.As(err, &problems) {
			problems = config.Problems{{File: s.config, Msg: err.Error()}}
		}
	}
	for _, p := range slices.Concat(problems, conf.Warnings) {
		out.Config = append(out.Config, p.Error())
	}
	if p != nil {
		for _, problem := range rotateconf.Read(p.rotate...).Problems {
			if !problem.Warning { // run tells of those
				out.Config = append(out.Config, problem.Error())
			}
		}
	}
	out.Config = append(out.Config, checkCertificate(tlsFiles(conf), time.Now())...)
	if s.stateDir != "" || os.Getenv("STATE_DIRECTORY") != "" {
		out.Config = append(out.Config, checkStateDir(stateDir(s.stateDir))...)
	}
	for _, g := range conf.Files {
		for _, pattern := range g.Paths {
			out.Paths = append(out.Paths, checkPattern(pattern, g.Exclude))
		}
	}
	if p != nil {
		out.Steps = append(out.Steps, checkSources(ctx, p, offline)...)
	}
	if offline || p == nil {
		return out, nil
	}
	for _, server := range conf.Servers {
		for _, s := range ship.Check(ctx, server, p.ship.TLS, p.ship.Protocol) {
			out.Steps = append(out.Steps, cli.ScribeStep{Server: server, Name: s.Name, OK: s.OK, Detail: s.Detail, Remedy: s.Remedy})
		}
	}
	return out, ctx.Err()
}

// checkSources asks the sources that are no files.
func checkSources(ctx context.Context, p *plan, offline bool) (steps []cli.ScribeStep) {
	add := func(name, what string, err error, remedy string) {
		s := cli.ScribeStep{Server: what, Name: name, OK: err == nil, Detail: "works"}
		if err != nil {
			s.Detail, s.Remedy = err.Error(), remedy
		}
		steps = append(steps, s)
	}
	if j := p.conf.Journal; j != nil {
		add("journal", "journalctl", journal.Check(ctx, journalOptions("", *j)), "run as root, or as a member of the group systemd-journal")
	}
	if p.containers != nil && (p.containers.Docker != "" || p.containers.Kubernetes != nil) && !offline {
		what := p.containers.Docker
		if p.containers.Kubernetes != nil {
			what = p.containers.Kubernetes.URL
		}
		e, err := container.New(*p.containers)
		if err == nil {
			err = e.Check(ctx)
		}
		add("containers", what, err, "lines go without the names that are asked for")
	}
	return steps
}

// soon is how long before its end a certificate is worth a word.
const soon = 14 * 24 * time.Hour

// checkCertificate looks at scribe's own certificate and who may read its key. That
// they can be read at all is known by then.
func checkCertificate(files ship.TLSFiles, now time.Time) (wrong []string) {
	if files.Cert == "" {
		return nil
	}
	if info, err := os.Stat(files.Key); err == nil && info.Mode().Perm()&0o007 != 0 {
		wrong = append(wrong, fmt.Sprintf("%s: everybody on this machine may read or write the key (mode %04o): chmod o-rwx", files.Key, info.Mode().Perm()))
	}
	text, err := os.ReadFile(files.Cert)
	if err != nil {
		return wrong
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return wrong
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
	case now.Before(cert.NotBefore):
		wrong = append(wrong, fmt.Sprintf("%s: the certificate counts from %s on, and this machine's clock says %s: set the clock", files.Cert, cert.NotBefore.Format(time.DateTime), now.UTC().Format(time.DateTime)))
	case now.After(cert.NotAfter):
		wrong = append(wrong, fmt.Sprintf("%s: the certificate ended on %s: have another one issued", files.Cert, cert.NotAfter.Format(time.DateOnly)))
	case now.Add(soon).After(cert.NotAfter):
		wrong = append(wrong, fmt.Sprintf("%s: the certificate ends on %s: have another one issued", files.Cert, cert.NotAfter.Format(time.DateOnly)))
	}
	return wrong
}

// checkStateDir tries to write where run would.
func checkStateDir(dir string) []string {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(dir, ".check-*"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		return []string{unwritable(err).Error()}
	}
	return nil
}

// checkPattern tries to open what a pattern stands for.
func checkPattern(pattern string, exclude []string) cli.ScribePath {
	p := cli.ScribePath{Pattern: pattern}
	if pattern == "-" {
		p.Note = "the standard input"
		return p
	}
	paths, errs := tail.Expand(vfs.OS, pattern)
	for _, err := range errs {
		p.Problems = append(p.Problems, err.Error())
	}
	group := tail.Group{Paths: []string{pattern}, Exclude: exclude}
	for _, name := range paths {
		if !group.Names(name) {
			continue // left out
		}
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			continue // named without wildcards, and will be read when it appears
		}
		if problem := checkFile(name); problem != "" {
			p.Problems = append(p.Problems, problem)
		} else {
			p.Files++
		}
	}
	if p.Files == 0 && len(p.Problems) == 0 {
		p.Note = "none there now"
	}
	return p
}

// checkFile says why a file cannot be followed, "" when it can.
func checkFile(name string) string {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return name + " is a link to a file that is not there"
	case err != nil:
		return err.Error()
	case !info.Mode().IsRegular():
		return fmt.Sprintf("%s is no regular file (%s)", name, info.Mode().Type())
	}
	f, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	_ = f.Close() // only tried
	return ""
}
