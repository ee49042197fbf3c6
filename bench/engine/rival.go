package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"journalist/internal/testkit/proc"
)

// rival is VictoriaLogs with its default settings, host and app as its stream
// fields, and a retention that keeps the rows' made times.
type rival struct {
	*client
	p    *proc.Process
	data string
	url  string
}

// startRival returns what starts VictoriaLogs.
func startRival(binary string) start {
	return func(ctx context.Context, dir string) (store, error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		addr, err := proc.FreeAddr()
		if err != nil {
			return nil, err
		}
		r := &rival{client: newClient(), data: filepath.Join(dir, "data"), url: "http://" + addr}
		r.p, err = proc.Start(dir, nil, binary, "-storageDataPath="+r.data, "-httpListenAddr="+addr,
			"-retentionPeriod=100y", "-futureRetention=10y")
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		for {
			_, _, err := r.do(ctx, http.MethodGet, r.url+"/health", "", nil)
			if err == nil {
				return r, nil
			}
			select {
			case <-r.p.Done():
				return nil, fmt.Errorf("the rival ended with code %d; its output:\n%s", r.p.ExitCode(), r.p.Output())
			default:
			}
			if perr := pause(ctx, 50*time.Millisecond); perr != nil {
				r.kill()
				return nil, errors.Join(fmt.Errorf("the rival is not ready: %w", err), perr)
			}
		}
	}
}

func (r *rival) title() string { return "VictoriaLogs" }

func (r *rival) text(q question) (timed, check string) { return q.rival, q.check }

func (r *rival) push(ctx context.Context, body []byte) error {
	return r.pushBulk(ctx, r.url+"/insert/elasticsearch/_bulk?_time_field=@timestamp&_msg_field=message&_stream_fields=host,app", body)
}

// flush makes rows readable and parts few, which the rival else leaves for later.
func (r *rival) flush(ctx context.Context) error {
	for _, path := range []string{"/internal/force_flush", "/internal/force_merge"} {
		if _, _, err := r.do(ctx, http.MethodGet, r.url+path, "", nil); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (r *rival) ask(ctx context.Context, query string) (rows, error) {
	form := url.Values{"query": {query}}.Encode()
	answer, _, err := r.do(ctx, http.MethodPost, r.url+"/select/logsql/query", "application/x-www-form-urlencoded", []byte(form))
	if err != nil {
		return nil, err
	}
	return parseRows(answer)
}

func (r *rival) usage() (proc.Usage, error) { return r.p.Usage() }

func (r *rival) disk() (int64, error) { return proc.DiskUse(r.data) }

func (r *rival) stop() error {
	r.close()
	return r.p.Stop(stopTime)
}

func (r *rival) kill() {
	r.close()
	r.p.Kill()
}
