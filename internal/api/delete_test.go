package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// fakeDeleter notes what it was asked.
type fakeDeleter struct {
	asked  []lang.Request
	dry    []bool
	answer scan.Deleted
	tell   bool // progress, before the answer
	err    error
}

func (d *fakeDeleter) Delete(_ context.Context, req lang.Request, dryRun bool, progress func(scan.DeletionProgress)) (scan.Deleted, error) {
	d.asked, d.dry = append(d.asked, req), append(d.dry, dryRun)
	if d.tell {
		progress(scan.DeletionProgress{Groups: 7, GroupsDone: 3, Rows: 1})
	}
	return d.answer, d.err
}

func TestDelete(t *testing.T) {
	d := &fakeDeleter{answer: scan.Deleted{Rows: 5, Parts: 2, First: 1e9, Last: 2e9, SetAside: 1, Partial: []string{`part "x"`}}, tell: true}
	var log bytes.Buffer
	w := newWorld(t, func(o *Options) {
		o.Deleter = d
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	got := w.do("admin", "POST", "/api/v1/delete", `{"query":"user:4711","from":"2026-01-01","dataset":"shop"}`)
	want := `{"progress":{"groups":7,"groups_done":3,"rows":1}}` + "\n" +
		`{"deleted":{"rows":5,"parts":2,"dry_run":false,"set_aside":1,"first":"1970-01-01T00:00:01Z","last":"1970-01-01T00:00:02Z","partial":["part \"x\""]}}` + "\n"
	if got.Code != 200 || got.Body.String() != want {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	req := d.asked[0]
	if text := req.Query.String(); !strings.Contains(text, "shop") || !strings.Contains(text, "4711") || req.To != end || req.From != 1767225600e9 || req.Limit != 0 || d.dry[0] {
		t.Errorf("%s %+v", text, req)
	}
	if text := log.String(); strings.Count(text, "deletion begins") != 1 || !strings.Contains(text, "deleted records") || !strings.Contains(text, "by=admin") || !strings.Contains(text, "user:4711") || !strings.Contains(text, "records=5") {
		t.Errorf("the log holds\n%s", text)
	}
	// All times, and a dry run.
	if got := w.do("admin", "POST", "/api/v1/delete", `{"query":"*","dry_run":true}`); got.Code != 200 || !strings.Contains(got.Body.String(), `"dry_run":true`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if req := d.asked[1]; req.From != beginning || req.To != end || !d.dry[1] {
		t.Errorf("%+v", req)
	}
	for body, status := range map[string]int{
		`{"query":""}`:                        400,
		`{}`:                                  400,
		`{"query":"x | limit 1"}`:             400,
		`{"query":"x ("}`:                     400,
		`{"query":"x","from":"nonsense"}`:     400,
		`{"query":"x","to":"nonsense"}`:       400,
		`{"query":"x","from":"2","to":"1"}`:   400,
		`{"query":"x","limit":1}`:             400,
		`{"query":"x","zone":"Nowhere/Land"}`: 400,
	} {
		if got := w.do("admin", "POST", "/api/v1/delete", body); got.Code != status {
			t.Errorf("%s: %d %s", body, got.Code, got.Body)
		}
	}
	if len(d.asked) != 2 {
		t.Errorf("%d deletions", len(d.asked))
	}
	d.err = errors.New("disk broke at /srv/data")
	if got := w.do("admin", "POST", "/api/v1/delete", `{"query":"x"}`); !strings.Contains(got.Body.String(), `{"error":{"type":"tag:journalist,2026:internal"`) || strings.Contains(got.Body.String(), "/srv") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	d.tell = false
	if got := w.do("admin", "POST", "/api/v1/delete", `{"query":"x"}`); got.Code != 500 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if text := log.String(); strings.Count(text, "deletion failed") != 2 {
		t.Errorf("the log holds\n%s", text)
	}
}

func TestNothingToDeleteWith(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/api/v1/delete", "/api/v1/backup"} {
		if got := w.do("admin", "POST", path, `{"query":"x"}`); got.Code != 404 {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}

func TestBackup(t *testing.T) {
	var requests []string
	var answer func(ctx context.Context, w io.Writer) error
	w := newWorld(t, func(o *Options) {
		o.Backup = func(ctx context.Context, request []byte, w io.Writer) error {
			requests = append(requests, string(request))
			return answer(ctx, w)
		}
	})
	answer = func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, "tar")
		return err
	}
	if got := w.do("admin", "POST", "/api/v1/backup", `{"have":[]}`); got.Code != 200 || got.Body.String() != "tar" || got.Header().Get("Content-Type") != "application/x-tar" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if requests[0] != `{"have":[]}` {
		t.Error(requests)
	}
	answer = func(context.Context, io.Writer) error { return errors.New("no snapshot") }
	if got := w.do("admin", "POST", "/api/v1/backup", `{}`); got.Code != 500 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	// What broke off must not look whole.
	answer = func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("x", 100_000))
		return errors.Join(err, errors.New("the disk broke"))
	}
	server := httptest.NewServer(w.handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/api/v1/backup", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.tokens["admin"])
	req.Header.Set("Content-Type", "application/json")
	resp, err := server.Client().Do(req)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("a backup that broke off ends well")
	}
	server.Client().CloseIdleConnections()
}
