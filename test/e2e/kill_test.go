package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"journalist/internal/testkit/loggen"
	"journalist/internal/testkit/proc"
)

// bulkWriter sends batches of numbered lines to the bulk API, each number once, and
// remembers what became of them.
type bulkWriter struct {
	tag  string
	gen  *loggen.Generator
	rnd  *rand.Rand
	sent [][2]int // the batches, as first number and number behind the last
	kept []bool   // of each batch: it was acknowledged
}

// run sends until stop is closed; a batch that fails is not sent again.
func (w *bulkWriter) run(ctx context.Context, j *proc.Journalist, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		from := w.gen.Next()
		var body bytes.Buffer
		for range 1 + w.rnd.IntN(200) {
			line, err := json.Marshal(map[string]string{"message": strings.TrimSuffix(string(w.gen.AppendLine(nil)), "\n"), "writer": w.tag})
			if err != nil {
				panic(err) // strings only
			}
			fmt.Fprintf(&body, "{\"create\":{\"_index\":\"kill\"}}\n%s\n", line)
		}
		w.sent = append(w.sent, [2]int{from, w.gen.Next()})
		status, answer, err := j.Do(ctx, http.MethodPost, "/elastic/_bulk", "application/x-ndjson", &body)
		kept := err == nil && status == http.StatusOK && bytes.Contains(answer, []byte(`"errors":false`))
		w.kept = append(w.kept, kept)
		if !kept {
			time.Sleep(5 * time.Millisecond) // the server is being started again
		}
	}
}

// TestKilledWhileWriting kills the server (kill -9) while several clients write,
// again and again, now and then in the middle of a deletion, which writes all rows to
// parts. Every acknowledged line is there once, and of a batch without an answer
// all lines or none.
func TestKilledWhileWriting(t *testing.T) {
	kills := 12 * soakNumber(t, "JOURNALIST_SOAK", 1)
	ctx := deadline(t, 2*time.Minute+time.Duration(kills)*10*time.Second)
	j := startJournalist(t, ctx)
	rnd := rand.New(rand.NewPCG(drawSeed(t), 2))
	writers := make([]*bulkWriter, 3)
	for i := range writers {
		tag := fmt.Sprintf("w%d", i)
		writers[i] = &bulkWriter{tag: tag, gen: loggen.New(uint64(i), tag, time.Now(), time.Millisecond), rnd: rand.New(rand.NewPCG(uint64(i), 3))}
	}
	for range kills {
		killWhileWriting(t, ctx, j, rnd, writers)
		if t.Failed() {
			return
		}
	}
	checkBatches(t, ctx, j, writers)
}

func killWhileWriting(t *testing.T, ctx context.Context, j *proc.Journalist, rnd *rand.Rand, writers []*bulkWriter) {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() { w.run(ctx, j, stop) })
	}
	if rnd.IntN(2) == 0 {
		wg.Go(func() { // it may be killed on the way
			status, answer, err := j.Do(ctx, http.MethodPost, "/api/v1/delete", "application/json", strings.NewReader(`{"query":"writer:nobody"}`))
			if err == nil && status != http.StatusOK {
				t.Errorf("delete: %d %s", status, answer)
			}
		})
	}
	time.Sleep(time.Duration(rnd.IntN(250)) * time.Millisecond) // the moment is left to chance
	j.Kill()
	close(stop)
	wg.Wait()
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

func checkBatches(t *testing.T, ctx context.Context, j *proc.Journalist, writers []*bulkWriter) {
	t.Helper()
	seen := map[string][]int{}
	for _, w := range writers {
		seen[w.tag] = make([]int, w.gen.Next())
	}
	for _, w := range writers {
		err := j.Query(ctx, "writer:"+w.tag+" | fields message", func(r map[string]any) error {
			message, _ := r["message"].(string)
			tag, n, ok := loggen.Number(message)
			if !ok || tag != w.tag || n >= len(seen[tag]) {
				return fmt.Errorf("a line that nobody sent: %v", r)
			}
			seen[tag][n]++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	acked, lines, unanswered := 0, 0, 0
	for _, w := range writers {
		for i, batch := range w.sent {
			there := 0
			for n := batch[0]; n < batch[1]; n++ {
				if there += seen[w.tag][n]; seen[w.tag][n] > 1 {
					t.Errorf("%s-%d is there %d times", w.tag, n, seen[w.tag][n])
				}
			}
			switch size := batch[1] - batch[0]; {
			case w.kept[i] && there != size:
				t.Errorf("%s: %d of %d acknowledged lines from %d on are there", w.tag, there, size, batch[0])
			case there != 0 && there != size:
				t.Errorf("%s: %d of %d lines of one batch from %d on are there", w.tag, there, size, batch[0])
			case w.kept[i]:
				acked++
				lines += size
			default:
				unanswered++
			}
		}
	}
	if acked == 0 {
		t.Error("nothing was acknowledged")
	}
	t.Logf("%d batches with %d lines acknowledged, %d without an answer", acked, lines, unanswered)
}
