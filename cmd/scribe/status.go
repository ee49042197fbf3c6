package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/vfs"
)

func (a *app) statusCommand() *cobra.Command {
	var dir, output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show how far each file is acknowledged",
		Long: `status shows each file's size, how far a server has acknowledged it and what is
left, and of a scribe that runs its server, queue and last error.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("-o %q: write text or json", output))
			}
			dir, _ := stateOf(dir)
			s, err := statusOf(cmd.Context(), dir)
			if err != nil {
				return err
			}
			if output == "json" {
				e := json.NewEncoder(a.stdout)
				e.SetIndent("", "  ")
				return e.Encode(s)
			}
			return cli.WriteScribeStatus(a.stdout, s, time.Now())
		},
	}
	cmd.Flags().StringVar(&dir, "state-dir", "", "`directory` of the positions (default $STATE_DIRECTORY, .scribe or /var/lib/scribe)")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`form`: text or json")
	return cmd
}

// statusOf asks the scribe that runs with this state directory, or else reads its
// registry.
func statusOf(ctx context.Context, dir string) (*cli.ScribeStatus, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("no scribe has kept its state there: %w (name the directory with --state-dir)", err)
	}
	s, err := askStatus(ctx, dir)
	if err == nil {
		return s, nil
	}
	loaded, lerr := registry.Load(vfs.OS, dir)
	if lerr != nil {
		return nil, lerr
	}
	s = &cli.ScribeStatus{StateDir: dir, Files: []cli.ScribeFile{}, Problems: loaded.Problems}
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		s.Problems = append(s.Problems, "a running scribe cannot be asked: "+err.Error())
	}
	for _, g := range loaded.Generations {
		if g.State == record.Gone {
			continue
		}
		size := int64(g.Size)
		if info, err := vfs.OS.Stat(g.Path); err == nil {
			if n, _, ok := vfs.InodeOf(info); ok && n.Ino == g.Ino {
				size = info.Size()
			}
		}
		s.Files = append(s.Files, cli.ScribeFile{
			Path: g.Path, State: g.State.String(), Size: size, Acked: int64(g.To), Lag: lag(size, g.To), AckedAt: unixNano(g.AckedAt),
		})
	}
	slices.SortFunc(s.Files, func(a, b cli.ScribeFile) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), b.AckedAt.Compare(a.AckedAt))
	})
	return s, nil
}

// lag is how many bytes of a file are not acknowledged.
func lag(size int64, acked uint64) int64 { return max(0, size-int64(acked)) }

func unixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

func sortedProblems(problems map[string]string) []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(problems)) {
		text := problems[path]
		if !strings.Contains(text, path) {
			text = path + ": " + text
		}
		out = append(out, text)
	}
	return out
}
