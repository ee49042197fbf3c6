package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Deletion is what delete asks for. From and To go to the server as they are; ""
// means no bound.
type Deletion struct {
	Query   string `json:"query"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Dataset string `json:"dataset,omitempty"`
	DryRun  bool   `json:"dry_run,omitempty"`
}

// DeletionProgress is how far the server is.
type DeletionProgress struct {
	Groups     int64 `json:"groups"`
	GroupsDone int64 `json:"groups_done"`
	Rows       int64 `json:"rows"`
}

// Deleted is what became of a deletion.
type Deleted struct {
	Rows     int64    `json:"rows"`
	Parts    int      `json:"parts"`
	First    string   `json:"first"` // times of the row groups that hold them
	Last     string   `json:"last"`
	SetAside int      `json:"set_aside"`
	Partial  []string `json:"partial"`
}

// Delete deletes what a filter matches, or counts it. An answer that breaks off is an
// error: then the records may be deleted or not.
func (c *Client) Delete(ctx context.Context, d Deletion, progress func(DeletionProgress)) (Deleted, error) {
	body, header, err := jsonBody(d)
	if err != nil {
		return Deleted{}, err
	}
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/delete", header, body)
	if err != nil {
		return Deleted{}, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxErrorBody)
	for lines.Scan() {
		var line struct {
			Progress *DeletionProgress `json:"progress"`
			Deleted  *Deleted          `json:"deleted"`
			Error    *errorBody        `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return Deleted{}, fmt.Errorf("%s: the answer is no JSON (is this a journalist?): %w", c.server, err)
		}
		switch {
		case line.Error != nil:
			return Deleted{}, line.Error.apiError(0)
		case line.Deleted != nil:
			return *line.Deleted, nil
		case line.Progress != nil && progress != nil:
			progress(*line.Progress)
		}
	}
	if ctx.Err() != nil {
		return Deleted{}, ctx.Err()
	}
	return Deleted{}, errors.Join(fmt.Errorf("%s: the answer broke off: the records may be deleted or not; ask again", c.server), lines.Err())
}

// Backup asks for a backup's stream; request is what is there already, as JSON. The
// caller closes it.
func (c *Client) Backup(ctx context.Context, request []byte) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/backup", http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
