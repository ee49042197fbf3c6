package cli

import "context"

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
	type line struct {
		Progress *DeletionProgress `json:"progress"`
		Deleted  *Deleted          `json:"deleted"`
	}
	var deleted Deleted
	resp, err := c.post(ctx, "/api/v1/delete", d)
	if err != nil {
		return deleted, err
	}
	err = readAnswer(ctx, c, resp, "the records may be deleted or not; ask again", func(l *line) bool {
		if l.Progress != nil && progress != nil {
			progress(*l.Progress)
		}
		if l.Deleted != nil {
			deleted = *l.Deleted
		}
		return l.Deleted != nil
	})
	return deleted, err
}
