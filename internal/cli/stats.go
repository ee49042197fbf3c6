package cli

import (
	"context"
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
	type line struct {
		Progress  *scan.InventoryProgress `json:"progress"`
		Inventory *scan.Inventory         `json:"inventory"`
		Health    scan.Health             `json:"health"`
	}
	var inventory scan.Inventory
	var health scan.Health
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/stats?"+v.Encode(), nil, nil)
	if err != nil {
		return inventory, health, err
	}
	err = readAnswer(ctx, c, resp, "ask again", func(l *line) bool {
		if l.Progress != nil && progress != nil {
			progress(*l.Progress)
		}
		if l.Inventory != nil {
			inventory, health = *l.Inventory, l.Health
		}
		return l.Inventory != nil
	})
	return inventory, health, err
}

// Health asks what is wrong with the server.
func (c *Client) Health(ctx context.Context) (scan.Health, error) {
	var h scan.Health
	err := c.getJSON(ctx, "/api/v1/health", &h)
	return h, err
}
