package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ScribeStatus is what `scribe status` shows. A running scribe writes it as JSON
// to its socket; without one it is made from the registry.
type ScribeStatus struct {
	Running  bool      `json:"running"`
	PID      int       `json:"pid,omitempty"`
	Version  string    `json:"version,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	StateDir string    `json:"state_dir"`
	// Config is where the configuration is, Reloaded when it was taken over, and
	// ConfigProblem why a change of it was not.
	Config        string        `json:"config,omitempty"`
	Reloaded      time.Time     `json:"reloaded,omitzero"`
	ConfigProblem string        `json:"config_problem,omitempty"`
	Server        *ScribeServer `json:"server,omitempty"`
	Servers       []ScribePeer  `json:"servers,omitempty"`
	// Sources are those that are no files, and the queue on disk.
	Sources []ScribeSource `json:"sources,omitempty"`
	Files   []ScribeFile   `json:"files"`
	// Rotation is nil when the process rotates nothing.
	Rotation *ScribeRotation `json:"rotation,omitempty"`
	// Lost is how many bytes no server will ever get, since the start.
	Lost int64 `json:"lost_bytes"`
	// Problems are what is wrong with paths that are not followed, and with the
	// registry.
	Problems []string `json:"problems,omitempty"`
}

// ScribeServer is the connection of a running scribe.
type ScribeServer struct {
	Address     string    `json:"address"`
	Connected   bool      `json:"connected"`
	Since       time.Time `json:"since,omitzero"`
	Protocol    string    `json:"protocol,omitempty"`
	LinesAcked  int64     `json:"lines_acked"`
	BytesAcked  int64     `json:"bytes_acked"`
	WireBytes   int64     `json:"wire_bytes"`
	LastAck     time.Time `json:"last_ack,omitzero"`
	QueueLines  int64     `json:"queue_lines"`
	QueueBytes  int64     `json:"queue_bytes"`
	Failures    int64     `json:"failures"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	NextTry     time.Time `json:"next_try,omitzero"`
}

// ScribePeer is one of several servers.
type ScribePeer struct {
	Address     string        `json:"address"`
	State       string        `json:"state"`
	Protocol    string        `json:"protocol,omitempty"`
	Since       time.Time     `json:"since,omitzero"`
	Latency     time.Duration `json:"latency_ns"`
	Score       float64       `json:"score"`
	LinesAcked  int64         `json:"lines_acked"`
	Failures    int64         `json:"failures"`
	LastError   string        `json:"last_error,omitempty"`
	LastErrorAt time.Time     `json:"last_error_at,omitzero"`
	NextTry     time.Time     `json:"next_try,omitzero"`
}

// ScribeSource is a source that is no file, or a queue on disk.
type ScribeSource struct {
	Name  string `json:"name"`
	Lines int64  `json:"lines,omitempty"`
	// Waiting is what is not acknowledged, in Unit; Limit how much may wait.
	Waiting     int64     `json:"waiting"`
	Unit        string    `json:"unit,omitempty"`
	Limit       int64     `json:"limit,omitempty"`
	Lost        int64     `json:"lost,omitempty"`
	Problem     string    `json:"problem,omitempty"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// ScribeFile is one generation of a file.
type ScribeFile struct {
	Path  string `json:"path"`
	State string `json:"state"`
	Size  int64  `json:"size"`
	// Read is how far it was read, of a scribe that runs; Acked how far a server has it.
	Read  int64 `json:"read,omitempty"`
	Acked int64 `json:"acked"`
	// Lag is how many bytes no server has yet.
	Lag     int64     `json:"lag"`
	AckedAt time.Time `json:"acked_at,omitzero"`
	Problem string    `json:"problem,omitempty"`
}

// WriteScribeStatus shows a status as text; now is the time that ages are counted
// from.
func WriteScribeStatus(w io.Writer, s *ScribeStatus, now time.Time) error {
	if s.Running {
		fmt.Fprintf(w, "scribe %s is running (pid %d, started %s), state in %s\n", Safe(s.Version), s.PID, ago(s.Started, now), Safe(s.StateDir))
	} else {
		fmt.Fprintf(w, "scribe is not running, state in %s\n", Safe(s.StateDir))
	}
	if s.ConfigProblem != "" {
		fmt.Fprintf(w, "config   a change of %s was not taken over:\n", Safe(s.Config))
		for line := range strings.SplitSeq(s.ConfigProblem, "\n") {
			fmt.Fprintf(w, "         %s\n", Safe(line))
		}
	} else if s.Reloaded.After(s.Started) {
		fmt.Fprintf(w, "config   %s, taken over %s\n", Safe(s.Config), ago(s.Reloaded, now))
	}
	if s.Server != nil {
		writeScribeServer(w, s.Server, now)
	}
	if len(s.Servers) > 1 {
		if err := writeScribePeers(w, s.Servers, now); err != nil {
			return err
		}
	}
	for _, src := range s.Sources {
		writeScribeSource(w, src, now)
	}
	if s.Lost > 0 {
		fmt.Fprintf(w, "lost     %s that no server will ever get: the log says of which files\n", Bytes(s.Lost))
	}
	if s.Rotation != nil {
		s.Rotation.write(w, now)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "problem: %s\n", Safe(p))
	}
	if len(s.Files) == 0 {
		_, err := fmt.Fprintln(w, "\nno files yet")
		return err
	}
	fmt.Fprintln(w)
	t := scribeTable{right: []bool{false, false, true, true, true}}
	t.add("FILE", "STATE", "SIZE", "ACKED", "LAG", "LAST ACK", "")
	for _, f := range s.Files {
		t.add(f.Path, f.State, strconv.FormatInt(f.Size, 10), strconv.FormatInt(f.Acked, 10), Bytes(f.Lag), ago(f.AckedAt, now), f.Problem)
	}
	return t.write(w)
}

func writeScribeServer(w io.Writer, s *ScribeServer, now time.Time) {
	switch {
	case s.Connected:
		fmt.Fprintf(w, "server   %s, connected %s, %s\n", Safe(s.Address), ago(s.Since, now), Safe(s.Protocol))
	case s.Address != "":
		fmt.Fprintf(w, "server   %s, not connected\n", Safe(s.Address))
	default:
		fmt.Fprintln(w, "server   none tried yet")
	}
	if s.LastError != "" {
		fmt.Fprintf(w, "error    %s (%s, %s failures)\n", Safe(s.LastError), ago(s.LastErrorAt, now), Thousands(s.Failures))
	}
	fmt.Fprintf(w, "shipped  %s lines, %s, last acknowledged %s\n", Thousands(s.LinesAcked), Bytes(s.BytesAcked), ago(s.LastAck, now))
	fmt.Fprintf(w, "queue    %s lines, %s\n", Thousands(s.QueueLines), Bytes(s.QueueBytes))
}

func writeScribePeers(w io.Writer, peers []ScribePeer, now time.Time) error {
	fmt.Fprintln(w)
	t := scribeTable{right: []bool{false, false, true, true}}
	t.add("SERVER", "STATE", "ACKS IN", "LINES", "LAST ERROR")
	for _, p := range peers {
		wait, problem := "", ""
		if p.Latency > 0 {
			wait = p.Latency.Round(time.Millisecond).String()
		}
		if p.LastError != "" {
			problem = fmt.Sprintf("%s (%s)", p.LastError, ago(p.LastErrorAt, now))
		}
		t.add(p.Address, p.State, wait, Thousands(p.LinesAcked), problem)
	}
	return t.write(w)
}

func writeScribeSource(w io.Writer, s ScribeSource, now time.Time) {
	waiting := fmt.Sprintf("%s %s wait", Thousands(s.Waiting), Safe(s.Unit))
	switch s.Unit {
	case "bytes":
		waiting = Bytes(s.Waiting) + " wait"
	case "known": // who is asked, and sends no lines
		fmt.Fprintf(w, "%s  %s known", Safe(s.Name), Thousands(s.Waiting))
		writeTrouble(w, s, now)
		return
	}
	if s.Limit > 0 {
		waiting += " of " + Bytes(s.Limit)
	}
	fmt.Fprintf(w, "%-8s %s lines, %s", Safe(s.Name), Thousands(s.Lines), waiting)
	if s.Lost > 0 {
		fmt.Fprintf(w, ", %s lost", Thousands(s.Lost))
	}
	writeTrouble(w, s, now)
}

// writeTrouble ends the line of a source with what is wrong with it.
func writeTrouble(w io.Writer, s ScribeSource, now time.Time) {
	if s.Problem != "" {
		fmt.Fprintf(w, ", %s", Safe(s.Problem))
	}
	if s.LastError != "" {
		fmt.Fprintf(w, " (%s, %s)", Safe(s.LastError), ago(s.LastErrorAt, now))
	}
	fmt.Fprintln(w)
}

// ago says how long ago a time was, in the largest units that matter.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < time.Second:
		return "just now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
