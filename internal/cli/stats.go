package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"journalist/internal/scan"
)

// Stats asks what the server's store consists of, and what is wrong with it.
func (c *Client) Stats(ctx context.Context, req scan.InventoryRequest, progress func(scan.InventoryProgress)) (scan.Inventory, scan.Health, error) {
	v := url.Values{}
	if req.Dataset != "" {
		v.Set("dataset", req.Dataset)
	}
	for name, n := range map[string]int{"groups": req.MaxGroups, "columns": req.MaxColumns} {
		switch {
		case n < 0:
			v.Set(name, "all")
		case n > 0:
			v.Set(name, strconv.Itoa(n))
		}
	}
	fail := func(err error) (scan.Inventory, scan.Health, error) { return scan.Inventory{}, scan.Health{}, err }
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/stats?"+v.Encode(), nil, nil)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		var line struct {
			Progress  *scan.InventoryProgress `json:"progress"`
			Inventory *scan.Inventory         `json:"inventory"`
			Health    scan.Health             `json:"health"`
			Error     *errorBody              `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fail(fmt.Errorf("%s: the answer is no JSON (is this a journalist?): %w", c.server, err))
		}
		switch {
		case line.Error != nil:
			return fail(line.Error.apiError(0))
		case line.Inventory != nil:
			return *line.Inventory, line.Health, nil
		case line.Progress != nil && progress != nil:
			progress(*line.Progress)
		}
	}
	if ctx.Err() != nil {
		return fail(ctx.Err())
	}
	return fail(errors.Join(fmt.Errorf("%s: the answer broke off; ask again", c.server), lines.Err()))
}

// Health asks what is wrong with the server.
func (c *Client) Health(ctx context.Context) (scan.Health, error) {
	var h scan.Health
	err := c.getJSON(ctx, "/api/v1/health", &h)
	return h, err
}
