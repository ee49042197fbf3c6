package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/klauspost/compress/zstd"
)

// ImportOptions say what is loaded and how.
type ImportOptions struct {
	// Files are the paths to load in their order; "-" is Stdin.
	Files []string
	Stdin io.Reader
	// Dataset is where the records go; "" is the server's default.
	Dataset string
	// Format is auto, text or json; auto looks at each file's first line.
	Format string
	// Host is the field host of lines of text, and of JSON records without one
	// when HostAll says so.
	Host    string
	HostAll bool
	// Fields are added to each record that has no field of that name.
	Fields []ImportField
	// BatchBytes is how much goes into one request; 0 means 4 MiB.
	BatchBytes int
	// Attempts is how often a request is tried while the server is away or full;
	// 0 means 10.
	Attempts int
	// Progress is told how far it is; nil means nobody.
	Progress *Progress
	// Log gets messages for people, one line each; nil means nobody.
	Log func(format string, args ...any)
	// Pause waits between two attempts; nil means to wait indeed.
	Pause func(ctx context.Context, d time.Duration) error
}

// ImportField is a field that import adds.
type ImportField struct{ Name, Value string }

// ImportResult says what became of the lines.
type ImportResult struct {
	Lines    int64 // read, without the blank ones of JSON files
	Accepted int64 // durable at the server
	Rejected int64 // refused by the server or, when over a limit, before it
	Bytes    int64 // of uncompressed text
	// Problems are the first refusals and every file that failed.
	Problems []string
	// Failed is how many files could not be read to their end.
	Failed int
}

const maxProblems = 20

func (r *ImportResult) problem(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// importBatch is one request: NDJSON and where its lines stand in the file.
type importBatch struct {
	name  string
	body  bytes.Buffer
	lines []int64 // line number of each record
	done  int64   // bytes of the file, as it lies on disk, read until here
	err   error   // the file cannot be read further
	// counted for records that were refused before they were sent
	rejected int64
	problems []string
	read     int64 // lines
	bytes    int64
}

// Import loads files through the server's API: one goroutine reads and makes
// requests, the caller's sends them one after the other, so that the order of the
// lines stays. A file that cannot be read does not stop the others. The error is
// what made it give up; the result counts what happened until then.
//
// A request whose answer is lost is sent again with the same key, by which the
// server recognises what it has already.
func (c *Client) Import(ctx context.Context, o ImportOptions) (ImportResult, error) {
	if o.BatchBytes <= 0 {
		o.BatchBytes = 4 << 20
	}
	if o.Attempts <= 0 {
		o.Attempts = 10
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return ImportResult{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan *importBatch, 1)
	go func() {
		defer close(batches)
		for _, name := range o.Files {
			if !readImport(ctx, name, &o, batches) {
				return
			}
		}
	}()
	defer func() { // no goroutine stays behind
		cancel()
		for range batches {
		}
	}()
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return ImportResult{}, err
	}
	var result ImportResult
	var packed []byte
	sent := 0
	for b := range batches {
		result.Lines += b.read
		result.Bytes += b.bytes
		result.Rejected += b.rejected
		for _, p := range b.problems {
			result.problem("%s", p)
		}
		if len(b.lines) > 0 {
			packed = encoder.EncodeAll(b.body.Bytes(), packed[:0])
			sent++
			if err := c.sendImport(ctx, packed, fmt.Sprintf("%x-%d", id, sent), b, &o, &result); err != nil {
				return result, err
			}
		}
		if b.err != nil {
			result.Failed++
			result.problem("%s: %s", b.name, b.err)
		}
		o.Progress.Update(b.name, b.done, result.Accepted)
	}
	return result, ctx.Err()
}

// importAnswer is the server's answer to /api/v1/ingest/jsonl.
type importAnswer struct {
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
	Errors   []struct {
		Line  int    `json:"line"`
		Error string `json:"error"`
	} `json:"errors"`
}

func (c *Client) sendImport(ctx context.Context, packed []byte, key string, b *importBatch, o *ImportOptions, result *ImportResult) error {
	path := "/api/v1/ingest/jsonl"
	if o.Dataset != "" {
		path += "?" + url.Values{"dataset": {o.Dataset}}.Encode()
	}
	header := http.Header{"Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"zstd"}, "Idempotency-Key": {key}}
	wait := time.Second
	for attempt := 1; ; attempt++ {
		var answer importAnswer
		resp, err := c.do(ctx, http.MethodPost, path, header, bytes.NewReader(packed))
		if err == nil {
			err = c.decode(ctx, resp, &answer)
		}
		var api *APIError
		if errors.As(err, &api) && api.Status == http.StatusBadRequest && json.Unmarshal(api.body, &answer) == nil && answer.Rejected > 0 {
			err = nil // not one of the records was good, but the server has read them all
		}
		if err == nil {
			result.Accepted += answer.Accepted
			result.Rejected += answer.Rejected
			for _, e := range answer.Errors {
				line := int64(e.Line)
				if i := e.Line - 1; i >= 0 && i < len(b.lines) {
					line = b.lines[i]
				}
				result.problem("%s:%d: %s", b.name, line, Safe(e.Error))
			}
			if got := answer.Accepted + answer.Rejected; got != int64(len(b.lines)) {
				return fmt.Errorf("%s: the server answered for %d of %d records", b.name, got, len(b.lines))
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.As(err, &api) && !api.Temporary() || attempt >= o.Attempts {
			return fmt.Errorf("%s, from line %d: %w", b.name, b.lines[0], err)
		}
		pause := wait
		if api != nil && api.RetryAfter > 0 {
			pause = api.RetryAfter
		}
		o.Log("%s; trying again in %s", err, pause)
		if err := o.Pause(ctx, pause); err != nil {
			return err
		}
		wait = min(2*wait, 30*time.Second)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
