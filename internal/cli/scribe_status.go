package cli

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// ScribeStatus is what `scribe status` shows. A running scribe writes it as JSON
// to its socket; without one it is made from the registry.
type ScribeStatus struct {
	Running  bool          `json:"running"`
	PID      int           `json:"pid,omitempty"`
	Version  string        `json:"version,omitempty"`
	Started  time.Time     `json:"started,omitzero"`
	StateDir string        `json:"state_dir"`
	Server   *ScribeServer `json:"server,omitempty"`
	Files    []ScribeFile  `json:"files"`
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

// ScribeFile is one generation of a file.
type ScribeFile struct {
	Path  string `json:"path"`
	State string `json:"state"`
	Size  int64  `json:"size"`
	Acked int64  `json:"acked"`
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
	if s.Server != nil {
		writeScribeServer(w, s.Server, now)
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
