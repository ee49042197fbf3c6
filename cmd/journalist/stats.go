package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/scan"
	"journalist/internal/store"
	"journalist/internal/vfs"
)

func (a *app) statsCommand() *cobra.Command {
	var (
		client  clientFlags
		data    string
		asJSON  bool
		every   bool
		columns int
		req     scan.InventoryRequest
	)
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "show what the store consists of: bytes by dataset, kind and column",
		Long: `Show what the server's store consists of: records, bytes on disk by dataset, by kind
of encoding and by column, how many times smaller they are than in memory, templates,
parts, what is in memory, what was set aside as damaged; and first what is wrong, if
something is. It needs a token with scope read that is not bound to datasets. With
--data it looks into a stopped server's data folder instead and changes nothing.

The directories of row groups are read, no records. Of more than 20,000 row groups an
even sample is, and the sizes of kinds and columns are estimates; --all reads them all.`,
		Example: `  journalist stats
  journalist stats --dataset shop --columns 50
  journalist stats --json | jq '.inventory.kinds'
  journalist stats --data /var/lib/journalist`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if columns < 0 {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--columns %d: want 0 or more", columns))
			}
			if every {
				req.MaxGroups = -1
			}
			req.MaxColumns = max(columns, 1)
			if asJSON && !cmd.Flags().Changed("columns") {
				req.MaxColumns = 0 // as many as the server lists
			}
			line := a.statusLine()
			defer line.clear()
			progress := func(p scan.InventoryProgress) {
				line.show(fmt.Sprintf("%s of %s row groups", cli.Thousands(p.GroupsDone), cli.Thousands(p.Groups)))
			}
			inv, health, err := a.inventory(cmd.Context(), &client, data, req, progress)
			line.clear()
			if err != nil {
				return err
			}
			return a.showStats(&inv, health, asJSON, columns)
		},
	}
	client.register(cmd)
	cmd.Flags().StringVar(&data, "data", "", "a stopped server's data `DIR`, instead of a running server")
	_ = cmd.MarkFlagDirname("data") // fails only for an unknown flag
	cmd.Flags().StringVar(&req.Dataset, "dataset", "", "only this dataset")
	cmd.Flags().IntVar(&columns, "columns", 20, "how many of the biggest columns to show")
	cmd.Flags().BoolVar(&every, "all", false, "read every row group's directory, also of a big store")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("data", "server")
	return cmd
}

// inventory asks the server, or looks into a data folder: then there is no health.
func (a *app) inventory(ctx context.Context, client *clientFlags, data string, req scan.InventoryRequest, progress func(scan.InventoryProgress)) (scan.Inventory, *scan.Health, error) {
	if data != "" {
		d, err := existing(data)
		if err != nil {
			return scan.Inventory{}, nil, err
		}
		inv, err := store.Inspect(ctx.Err, vfs.OS, d.store(), req, progress)
		if errors.Is(err, vfs.ErrLocked) {
			err = fmt.Errorf("%w\nA running server is asked without --data", err)
		}
		return inv, nil, err
	}
	c, err := client.client()
	if err != nil {
		return scan.Inventory{}, nil, err
	}
	defer c.Close()
	inv, health, err := c.Stats(ctx, req, progress)
	return inv, &health, err
}

// showStats prints an inventory whole or not at all.
func (a *app) showStats(inv *scan.Inventory, health *scan.Health, asJSON bool, columns int) error {
	var out bytes.Buffer
	if asJSON {
		if err := printJSON(&out, struct {
			Inventory *scan.Inventory `json:"inventory"`
			Health    *scan.Health    `json:"health,omitempty"`
		}{inv, health}); err != nil {
			return err
		}
	} else {
		if health != nil && len(health.Problems) > 0 {
			if err := cli.RenderProblems(&out, health.Problems, time.Now()); err != nil {
				return err
			}
			out.WriteString("\n")
		}
		if err := cli.RenderInventory(&out, inv, columns); err != nil {
			return err
		}
	}
	_, err := out.WriteTo(a.stdout)
	return err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (a *app) statusCommand() *cobra.Command {
	var client clientFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "say whether the server is well, and if not, what to do",
		Long: `Ask a server whether it takes records and whether all that it has can be read. What is
wrong is shown with where it is and what to do. It exits with 6 when records are
refused or missing, so that it can stand in a monitoring script.`,
		Example: `  journalist status
  journalist status --json | jq '.problems[].what'`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := client.client()
			if err != nil {
				return err
			}
			defer c.Close()
			h, err := c.Health(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(a.stdout, &h)
			} else {
				err = a.showHealth(&h, c.Server())
			}
			if err != nil {
				return err
			}
			for _, p := range h.Problems {
				if p.Severity == scan.SeverityError {
					return cli.Exit(cli.ExitCheck, nil)
				}
			}
			return nil
		},
	}
	client.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) showHealth(h *scan.Health, server string) error {
	var out bytes.Buffer
	taking := "takes records"
	if !h.Taking {
		taking = "takes no records"
	}
	fmt.Fprintf(&out, "%s is running and %s\n", cli.Safe(server), taking)
	if h.Disk.Total > 0 {
		fmt.Fprintf(&out, "disk: %s free of %s, %s stay free\n", cli.Bytes(int64(h.Disk.Free)), cli.Bytes(int64(h.Disk.Total)), cli.Bytes(int64(h.Disk.Floor)))
	}
	if h.Refused != nil {
		fmt.Fprintf(&out, "refused batches since the start: %d full, %d failed, %d too large\n", h.Refused["full"], h.Refused["failed"], h.Refused["too_large"])
	}
	if len(h.Problems) == 0 {
		fmt.Fprintln(&out, "no problem found")
	}
	if err := cli.RenderProblems(&out, h.Problems, time.Now()); err != nil {
		return err
	}
	_, err := out.WriteTo(a.stdout)
	return err
}
