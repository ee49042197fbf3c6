package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"journalist/internal/testkit/proc"
)

// ours is journalist with its default settings.
type ours struct {
	*client
	j        *proc.Journalist
	from, to time.Time
}

// stopTime is how long a store may take to write down its memory.
const stopTime = 2 * time.Minute

// startOurs returns what starts journalist; questions cover the given time.
func startOurs(binary string, from, to time.Time) start {
	return func(ctx context.Context, dir string) (store, error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		j, err := proc.NewJournalist(proc.Binaries{Journalist: binary}, dir)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := j.Start(ctx); err != nil {
			if j.Process != nil {
				j.Kill()
			}
			return nil, err
		}
		c := newClient()
		c.header.Set("Authorization", "Bearer "+j.Token)
		return &ours{client: c, j: j, from: from, to: to}, nil
	}
}

func (o *ours) title() string { return "journalist" }

func (o *ours) text(q question) (timed, check string) { return q.ours, "" }

func (o *ours) push(ctx context.Context, body []byte) error {
	return o.pushBulk(ctx, o.j.URL()+"/elastic/_bulk", body)
}

// flush does nothing: merging happens by itself.
func (o *ours) flush(context.Context) error { return nil }

func (o *ours) ask(ctx context.Context, query string) (rows, error) {
	body, err := json.Marshal(map[string]any{"query": query, "from": o.from, "to": o.to, "limit": 1000})
	if err != nil {
		return nil, err
	}
	answer, _, err := o.do(ctx, http.MethodPost, o.j.URL()+"/api/v1/query", "application/json", body)
	if err != nil {
		return nil, err
	}
	answer = bytes.TrimRight(answer, "\n")
	cut := bytes.LastIndexByte(answer, '\n') + 1
	var trailer struct {
		Stats *struct {
			Partial []string `json:"partial"`
		} `json:"stats"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(answer[cut:], &trailer); err != nil {
		return nil, fmt.Errorf("the answer's last line is %q: %w", answer[cut:], err)
	}
	switch {
	case trailer.Error != nil:
		return nil, fmt.Errorf("the answer ends with %s", trailer.Error)
	case trailer.Stats == nil:
		return nil, errors.New("the answer has no statistics at its end: it is cut off")
	case len(trailer.Stats.Partial) > 0:
		return nil, fmt.Errorf("the answer is partial: %v", trailer.Stats.Partial)
	}
	return parseRows(answer[:cut])
}

func (o *ours) usage() (proc.Usage, error) { return o.j.Usage() }

func (o *ours) disk() (int64, error) { return proc.DiskUse(o.j.Data) }

func (o *ours) stop() error {
	o.close()
	return o.j.Stop(stopTime)
}

func (o *ours) kill() {
	o.close()
	o.j.Kill()
}
