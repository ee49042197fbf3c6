package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"journalist/internal/testkit/proc"
)

// store is a running log store. One goroutine calls its methods, except push,
// which any number may call.
type store interface {
	// title names it in the report.
	title() string
	// push sends a bulk body and returns when it is acknowledged.
	push(ctx context.Context, body []byte) error
	// flush asks the store to write down what it has and to merge; a store that
	// does so by itself does nothing.
	flush(ctx context.Context) error
	// ask asks a question in the store's own language.
	ask(ctx context.Context, query string) (rows, error)
	// text picks the store's own wording of a question; check is another one to
	// take the answer from that is compared, or "".
	text(q question) (timed, check string)
	// usage, disk: what it took so far.
	usage() (proc.Usage, error)
	disk() (int64, error)
	// stop ends the program in order; what it had in memory is then on disk.
	stop() error
	// kill ends it at once, also behind stop.
	kill()
}

// start starts a store with an empty folder.
type start func(ctx context.Context, dir string) (store, error)

// rows are the answer's rows as the store gave them, one JSON object each.
type rows []map[string]any

// numbers are the values of the column n, in order. Stores differ in whether they
// write numbers or texts of them.
func (r rows) numbers() []float64 {
	var list []float64
	for _, row := range r {
		switch n := row["n"].(type) {
		case float64:
			list = append(list, n)
		case string:
			if f, err := strconv.ParseFloat(n, 64); err == nil {
				list = append(list, f)
			}
		}
	}
	return list
}

// times are the rows' times, in order.
func (r rows) times() []time.Time {
	var list []time.Time
	for _, row := range r {
		for _, name := range []string{"@timestamp", "_time"} {
			if text, ok := row[name].(string); ok {
				if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
					list = append(list, at.UTC())
				}
			}
		}
	}
	return list
}

// excerpt is the beginning of the answer, for people.
func (r rows) excerpt() string {
	const most = 120
	var b strings.Builder
	for _, row := range r {
		text, err := json.Marshal(row)
		if err != nil || b.Len() > most {
			break
		}
		b.Write(text)
		b.WriteByte(' ')
	}
	return cut(strings.TrimSpace(b.String()), most)
}

func cut(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// client is the HTTP client of both stores: connections are kept, nothing is
// compressed, answers are read to their end.
type client struct {
	http   *http.Client
	header http.Header
}

func newClient() *client {
	t := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	return &client{http: &http.Client{Transport: t}, header: http.Header{}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// do sends a request; any other status than 200 is an error that quotes the answer.
func (c *client) do(ctx context.Context, method, url, contentType string, body []byte) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, resp.StatusCode, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, resp.StatusCode, fmt.Errorf("%s: %s", resp.Status, cut(strings.TrimSpace(string(answer)), 300))
	}
	return answer, resp.StatusCode, nil
}

// pushTries bounds how often a body is sent that a store is too busy for.
const pushTries = 100

// pushBulk sends a bulk body, again where the store asks for patience.
func (c *client) pushBulk(ctx context.Context, url string, body []byte) error {
	for try := 1; ; try++ {
		answer, status, err := c.do(ctx, http.MethodPost, url, "application/x-ndjson", body)
		busy := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
		if err != nil && busy && try < pushTries {
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("bulk body refused: %w", err)
		}
		head := answer[:min(len(answer), 1000)]
		if bytes.Contains(bytes.ReplaceAll(head, []byte(" "), nil), []byte(`"errors":true`)) {
			return fmt.Errorf("rows of a bulk body refused: %s", cut(string(answer), 300))
		}
		return nil
	}
}

// parseRows reads an answer of one JSON object a line.
func parseRows(answer []byte) (rows, error) {
	var list rows
	for line := range bytes.Lines(answer) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, fmt.Errorf("answer %q: %w", cut(string(line), 100), err)
		}
		list = append(list, row)
	}
	return list, nil
}

// pause waits, unless the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
