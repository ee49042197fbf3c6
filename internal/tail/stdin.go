package tail

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"journalist/internal/record"
)

// startStdin reads the standard input as one source. It has an identity of its
// own for each start of scribe and no place in the registry: what was read of a
// pipe cannot be read again. Its end does not end scribe.
func (t *Tailer) startStdin(ctx context.Context, g *group) {
	if f, ok := t.o.Stdin.(*os.File); ok {
		context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // not every file can
	}
	go func() {
		if err := t.readStream(ctx, t.o.Stdin, t.fieldsOf(g, "-")); err != nil && ctx.Err() == nil {
			t.log.Error("reading the standard input ended", "error", err)
		}
	}()
}

// readStream sends the lines of r until it ends.
func (t *Tailer) readStream(ctx context.Context, r io.Reader, fields []record.Pair) error {
	id := record.NewSourceID()
	longest := t.o.MaxLine + 2
	buf := make([]byte, 0, min(longest, 64<<10))
	var offset uint64 // where buf begins
	sp := t.split
	sp.maxRows = 8192
	for {
		n, rerr := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		for {
			eof := rerr != nil
			run, err := t.pool.get(ctx, len(buf))
			if err != nil {
				return err
			}
			data := run.buf[:copy(run.buf, buf)]
			rows, used, full := sp.split(run.lines.Rows[:0], data, 0, offset)
			if eof && !full && used < len(data) {
				rows = sp.unterminated(rows, data, used, offset+uint64(used))
				used = len(data)
			}
			run.lines.Rows = rows
			if len(rows) == 0 {
				t.pool.put(run)
				break
			}
			run.lines.Position = record.Position{ID: id, From: offset, To: offset + uint64(used)}
			run.lines.ReadTime = t.o.Clock().UnixNano()
			run.lines.Fields, run.lines.Data = fields, data[:used]
			t.m.lines.Add(len(rows))
			t.m.bytes.Add(used)
			t.mu.Lock()
			t.inflight[&run.lines] = run
			t.mu.Unlock()
			if err := t.o.Output(ctx, &run.lines); err != nil {
				t.mu.Lock()
				delete(t.inflight, &run.lines)
				t.mu.Unlock()
				t.pool.put(run)
				return err
			}
			offset += uint64(used)
			buf = buf[:copy(buf, buf[used:])]
			if !full {
				break
			}
		}
		if errors.Is(rerr, io.EOF) {
			return nil
		}
		if rerr != nil {
			return rerr
		}
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(2*cap(buf), longest)), buf...)
		}
	}
}
