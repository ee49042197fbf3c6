package proc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Journalist is a log server with its data folder. Kill and start it as often as
// the test needs: addresses, data and token stay.
type Journalist struct {
	*Process
	Binary     string
	Data       string
	HTTP       string // address
	Lumberjack string // address
	Token      string // admin token
	Args       []string
	Env        []string
	Under      []string // the program that starts it, with its arguments; nil = none
}

// NewJournalist chooses addresses and a token; dir is where data goes.
func NewJournalist(bin Binaries, dir string) (*Journalist, error) {
	httpAddr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	lumberjack, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	j := &Journalist{
		Binary: bin.Journalist, Data: filepath.Join(dir, "data"),
		HTTP: httpAddr, Lumberjack: lumberjack, Token: "test-token-0123456789abcdef0123456789abcdef",
	}
	return j, os.WriteFile(j.TokenFile(), []byte(j.Token+"\n"), 0o600)
}

// TokenFile is where the admin token stands.
func (j *Journalist) TokenFile() string { return filepath.Join(filepath.Dir(j.Data), "token") }

// URL is where the page and the API are.
func (j *Journalist) URL() string { return "http://" + j.HTTP }

// Start starts the server and waits until it is ready.
func (j *Journalist) Start(ctx context.Context) error {
	args := append([]string{
		"serve", "--data", j.Data, "--http", j.HTTP, "--lumberjack", j.Lumberjack, "--admin-token-file", j.TokenFile(),
		"--disk-floor", "10MB", // a test also runs on an almost full disk
	}, j.Args...)
	p, err := startUnder(j.Under, filepath.Dir(j.Data), j.Env, j.Binary, args...)
	if err != nil {
		return err
	}
	j.Process = p
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.URL()+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("journalist is not ready: %w; its output:\n%s", ctx.Err(), p.Output())
		case <-p.Done():
			return fmt.Errorf("journalist ended with code %d; its output:\n%s", p.ExitCode(), p.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Do sends a request with the admin token and returns status and body.
func (j *Journalist) Do(ctx context.Context, method, path, contentType string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, j.URL()+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+j.Token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, data, err
}

// Query asks over all time and calls row for every row.
func (j *Journalist) Query(ctx context.Context, query string, row func(map[string]any) error) error {
	ask, err := json.Marshal(map[string]any{"query": query, "from": "1970-01-01T00:00:00Z", "to": "2200-01-01T00:00:00Z", "limit": 1_000_000})
	if err != nil {
		return err
	}
	status, body, err := j.Do(ctx, http.MethodPost, "/api/v1/query", "application/json", bytes.NewReader(ask))
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("query %q: %d %s", query, status, body)
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 8<<20)
	var last string
	for lines.Scan() {
		if last != "" {
			var r map[string]any
			if err := json.Unmarshal([]byte(last), &r); err != nil {
				return fmt.Errorf("query %q: row %q: %w", query, last, err)
			}
			if err := row(r); err != nil {
				return err
			}
		}
		last = lines.Text()
	}
	if !strings.HasPrefix(last, `{"stats"`) {
		return fmt.Errorf("query %q: the trailer is %q", query, last)
	}
	return nil
}

// Count asks how many records match.
func (j *Journalist) Count(ctx context.Context, filter string) (int64, error) {
	n := int64(-1)
	err := j.Query(ctx, filter+" | stats count() as n", func(r map[string]any) error {
		f, ok := r["n"].(float64)
		if !ok {
			return fmt.Errorf("no n in %v", r)
		}
		n = int64(f)
		return nil
	})
	if err == nil && n < 0 {
		err = errors.New("count answered no row")
	}
	return n, err
}

// WaitCount waits until the filter matches at least want records.
func (j *Journalist) WaitCount(ctx context.Context, filter string, want int64) (int64, error) {
	for {
		n, err := j.Count(ctx, filter)
		if err == nil && n >= want {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return n, fmt.Errorf("waited for %d records of %q, have %d (%v): %w", want, filter, n, err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// IssueCert runs `journalist cert issue` and returns the folder with NAME.crt,
// NAME.key and ca.crt.
func (j *Journalist) IssueCert(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(filepath.Dir(j.Data), "certs")
	cmd := exec.CommandContext(ctx, j.Binary, "cert", "issue", name, "--data", j.Data, "--out", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cert issue: %w\n%s", err, out)
	}
	return dir, nil
}
