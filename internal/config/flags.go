package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// ForwarderFlags are the flags of logstash-forwarder 0.4.0 and of 0.3.1, which
// still stand in init scripts, and those that scribe adds. One dash or two are the
// same.
type ForwarderFlags struct {
	Config        string
	SpoolSize     int
	HarvestBuffer int
	IdleFlush     time.Duration
	// Tail: new files are read from their end.
	Tail       bool
	Syslog     bool
	Quiet      bool
	CPUProfile string
	Version    bool

	StateDir string
	Host     string
}

// DefaultSpoolSize is how many lines logstash-forwarder sent at once. scribe sends
// as many as are worth it, unless another number is given.
const DefaultSpoolSize = 1024

// The exit codes of logstash-forwarder.
const (
	ForwarderExitUsage = 1
	ForwarderExitFault = 2
)

// ErrHelp is returned when help was asked for; the usage has been printed.
var ErrHelp = flag.ErrHelp

// ParseForwarderFlags reads the arguments after the program's name. What is wrong,
// and help where it was asked for, is also printed to w.
func ParseForwarderFlags(args []string, w io.Writer) (*ForwarderFlags, error) {
	f := &ForwarderFlags{}
	fromBeginning := true
	set := flag.NewFlagSet("scribe", flag.ContinueOnError)
	set.SetOutput(w)
	set.Usage = func() {
		_, _ = fmt.Fprintln(w, "usage: scribe -config FILE|DIRECTORY [flags]   (scribe help shows the commands)")
		set.PrintDefaults()
	}
	set.StringVar(&f.Config, "config", "", "the configuration `file` or directory")
	for _, name := range []string{"spool-size", "sv"} {
		set.IntVar(&f.SpoolSize, name, DefaultSpoolSize, "send at most this many `lines` at once")
	}
	for _, name := range []string{"harvest-buffer-size", "hb"} {
		set.IntVar(&f.HarvestBuffer, name, 16<<10, "`bytes` of the buffer for each file; scribe chooses by itself")
	}
	for _, name := range []string{"tail", "t"} {
		set.BoolVar(&f.Tail, name, false, "read new files from their end: what they hold already is not sent")
	}
	for _, name := range []string{"log-to-syslog", "syslog"} {
		set.BoolVar(&f.Syslog, name, false, "log to syslog instead of stderr")
	}
	set.BoolVar(&f.Quiet, "quiet", false, "log warnings and errors only")
	set.StringVar(&f.CPUProfile, "cpuprofile", "", "write a CPU profile to this `file`")
	set.BoolVar(&f.Version, "version", false, "print the version")
	set.DurationVar(&f.IdleFlush, "idle-flush-time", 5*time.Second, "longest wait for a full spool; scribe chooses by itself")
	set.BoolVar(&fromBeginning, "from-beginning", true, "read new files from their beginning; false is the same as -tail")
	set.StringVar(&f.StateDir, "state-dir", "", "the `directory` of the positions (default $STATE_DIRECTORY, else .scribe)")
	set.StringVar(&f.Host, "host", "", "the `name` of this machine in the field host")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	usage := func(msg string) (*ForwarderFlags, error) {
		_, _ = fmt.Fprintln(w, "scribe: "+msg)
		set.Usage()
		return nil, errors.New(msg)
	}
	switch {
	case f.Version:
		return f, nil
	case set.NArg() > 0:
		return usage(fmt.Sprintf("unexpected argument %q after the flags", set.Arg(0)))
	case f.Config == "":
		return usage("-config is missing")
	case f.SpoolSize < 1:
		return usage("-spool-size must be at least 1")
	}
	f.Tail = f.Tail || !fromBeginning
	return f, nil
}
