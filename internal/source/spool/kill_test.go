package spool

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"journalist/internal/record"
)

// said is what the process of TestKill9 says on its standard output.
type said struct {
	Synced int             `json:"synced,omitempty"` // lines that were acknowledged to the giver
	ID     record.SourceID `json:"id,omitzero"`
	To     uint64          `json:"to,omitempty"`
	Starts []uint64        `json:"starts,omitempty"`
	Texts  []string        `json:"texts,omitempty"`
}

// killedProcess fills a queue with numbered lines from first on, without end, and
// says what was synced and what was handed out.
func killedProcess(dir string, first int) error {
	out := make(chan said)
	q, err := Open(Options{
		Dir: dir, SegmentBytes: 4 << 10, Bytes: 1 << 20, Linger: time.Millisecond, SaveInterval: 5 * time.Millisecond,
		Output: func(_ context.Context, l *record.Lines, acked func(*record.Lines)) error {
			s := said{ID: l.Position.ID, To: l.Position.To}
			for i, r := range l.Rows {
				s.Starts, s.Texts = append(s.Starts, r.Start), append(s.Texts, string(l.Text(i)))
			}
			out <- s // a server has it when it is written
			if l.Position.To%3 != 0 {
				acked(l)
				return nil
			}
			time.AfterFunc(3*time.Millisecond, func() { acked(l) })
			return nil
		},
	})
	if err != nil {
		return err
	}
	go func() { _ = q.Run(context.Background()) }() // until the process is killed
	go func() {
		for n := first; ; n++ {
			_ = q.Send(context.Background(), lines(fmt.Sprint(n)), func(*record.Lines) { out <- said{Synced: n + 1} }) // it has no end
		}
	}()
	enc := json.NewEncoder(os.Stdout)
	for s := range out {
		if err := enc.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

// TestKill9 kills a real process again and again: what it said to be synced comes
// out once, in order.
func TestKill9(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	to := map[record.SourceID]uint64{}
	var got []int
	synced := 0
	take := func(s said) {
		synced = max(synced, s.Synced)
		for i, start := range s.Starts {
			if start < to[s.ID] {
				continue
			}
			n, err := strconv.Atoi(s.Texts[i])
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, n)
		}
		to[s.ID] = max(to[s.ID], s.To)
	}
	sent := 0
	promised := map[int]int{} // by the first number of a life, how far it was synced
	for life := range 6 {
		cmd := exec.Command(os.Args[0], "fill-spool", dir, fmt.Sprint(sent))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		begin, r := synced, bufio.NewReader(out)
		killed := false
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				break // what is cut off was not taken
			}
			var s said
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			take(s)
			if !killed && synced >= max(begin, sent)+40+30*life {
				killed = true
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("life %d: %v", life, err)
		}
		promised[sent] = synced
		sent += 10_000_000 // numbers that nobody has used
	}
	s := newServer()
	q, stop := running(t, Options{Dir: dir, Output: func(ctx context.Context, l *record.Lines, acked func(*record.Lines)) error {
		x := said{ID: l.Position.ID, To: l.Position.To}
		for i, r := range l.Rows {
			x.Starts, x.Texts = append(x.Starts, r.Start), append(x.Texts, string(l.Text(i)))
		}
		take(x)
		return s.output(t)(ctx, l, acked)
	}})
	drain(t, q)
	stop()
	count := map[int]int{} // by the first number of a life, how many of it came
	for _, n := range got {
		first := n - n%10_000_000
		if n != first+count[first] {
			t.Fatalf("line %d came where line %d was to come", n, first+count[first])
		}
		count[first]++
	}
	for first, to := range promised {
		if first+count[first] < to {
			t.Errorf("lines %d to %d were synced, %d of them came", first, to-1, count[first])
		}
	}
}
