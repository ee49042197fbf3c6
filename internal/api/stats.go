package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"journalist/internal/scan"
)

// Keeper tells what the store holds and what is wrong with it. Its methods may be
// called concurrently.
type Keeper interface {
	// Inventory stops when the context ends; progress is called by the goroutine
	// that called it.
	Inventory(ctx context.Context, req scan.InventoryRequest, progress func(scan.InventoryProgress)) (scan.Inventory, error)
	Health() scan.Health
}

const (
	// maxInventories is how many inventories may be made at once.
	maxInventories = 2
	// mostListed bounds the parameters groups and columns.
	mostListed = 1 << 30
)

// stats answers with an inventory of the store. The answer is NDJSON: lines with the
// progress, and a last one that is {"inventory":…,"health":…} or {"error":…}.
func (s *Server) stats(w http.ResponseWriter, r *http.Request) error {
	req, err := inventoryRequest(r.URL.Query())
	if err != nil {
		return err
	}
	if s.o.Keeper == nil {
		return &Error{Status: http.StatusNotFound, Kind: "unsupported", Message: "this server has no store to tell about"}
	}
	select {
	case s.inventories <- struct{}{}:
		defer func() { <-s.inventories }()
	default:
		return &Error{
			Status: http.StatusTooManyRequests, Kind: "limit", Message: fmt.Sprintf("%d inventories are being made already", maxInventories),
			Hint: "try again when they are done", retryAfter: 10,
		}
	}
	return s.answerLines(w, r, func(out *stream) (func(dst []byte) []byte, error) {
		inv, err := s.o.Keeper.Inventory(r.Context(), req, func(p scan.InventoryProgress) {
			line, err := json.Marshal(map[string]any{"progress": p})
			if err == nil {
				_ = out.write(func(dst []byte) []byte { return append(append(dst, line...), '\n') }) // a client that is gone ends the context
			}
		})
		if err != nil {
			return nil, err
		}
		line, err := json.Marshal(map[string]any{"inventory": inv, "health": s.wellbeing()})
		return func(dst []byte) []byte { return append(dst, line...) }, err
	})
}

// inventoryRequest reads the parameters: what is missing stays 0, which lets the
// store decide.
func inventoryRequest(v url.Values) (req scan.InventoryRequest, err error) {
	for name := range v {
		switch name {
		case "dataset", "groups", "columns":
		default:
			return req, badRequest("the parameter "+strconv.Quote(name)+" is not known here", "there are dataset, groups and columns")
		}
	}
	req.Dataset = v.Get("dataset")
	for _, p := range []struct {
		name string
		to   *int
	}{{"groups", &req.MaxGroups}, {"columns", &req.MaxColumns}} {
		switch text := v.Get(p.name); text {
		case "":
		case "all":
			*p.to = -1
		default:
			if *p.to, err = number(v, p.name, 0, mostListed); err != nil {
				return req, err
			}
		}
	}
	return req, nil
}

// health tells what is wrong. Who is bound to datasets hears nothing of others: no
// names of files, no figures.
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	h := s.wellbeing()
	var answer any = &h
	if principalOf(r).Datasets != nil {
		for i := range h.Problems {
			h.Problems[i].Where = nil
		}
		answer = map[string]any{"problems": h.Problems, "taking": h.Taking}
	}
	return writeValue(w, answer)
}

// wellbeing is what is wrong with the server. No problem is an empty list, not null.
func (s *Server) wellbeing() scan.Health {
	h := scan.Health{Taking: true}
	if s.o.Keeper != nil {
		h = s.o.Keeper.Health()
	}
	if h.Problems == nil {
		h.Problems = []scan.Problem{}
	}
	return h
}
