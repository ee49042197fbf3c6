package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// Backup asks for a backup's stream; request is what is there already, as JSON. The
// caller closes it.
func (c *Client) Backup(ctx context.Context, request []byte) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/backup", http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
