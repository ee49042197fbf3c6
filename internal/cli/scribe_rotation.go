package cli

import (
	"fmt"
	"io"
	"time"
)

// ScribeRotation is what a scribe that rotates logs has done since its start.
type ScribeRotation struct {
	Rotated int                  `json:"rotated"`
	Last    time.Time            `json:"last,omitzero"`
	Waiting []ScribeRotationWait `json:"waiting,omitempty"`
	// Lost was removed before it was acknowledged, because the cap was reached;
	// AtRisk was written while a log was truncated the unsafe way.
	Lost     int64    `json:"lost_bytes"`
	AtRisk   int64    `json:"at_risk_bytes"`
	Problems []string `json:"problems,omitempty"`
}

// ScribeRotationWait is a file that waits for acknowledgements.
type ScribeRotationWait struct {
	Path  string    `json:"path"`
	For   string    `json:"for"`
	Bytes int64     `json:"bytes"`
	Since time.Time `json:"since"`
}

func (r *ScribeRotation) write(w io.Writer, now time.Time) {
	fmt.Fprintf(w, "rotated  %s logs", Thousands(int64(r.Rotated)))
	if !r.Last.IsZero() {
		fmt.Fprintf(w, ", the last %s", ago(r.Last, now))
	}
	fmt.Fprintln(w)
	for _, x := range r.Waiting {
		fmt.Fprintf(w, "         %s waits for %s to be acknowledged, to be rotated on (%s, since %s)\n", Safe(x.Path), Bytes(x.Bytes), Safe(x.For), ago(x.Since, now))
	}
	if r.Lost > 0 {
		fmt.Fprintf(w, "         %s were removed before they were acknowledged: the cap was reached\n", Bytes(r.Lost))
	}
	if r.AtRisk > 0 {
		fmt.Fprintf(w, "         %s may be lost: written while a log was truncated\n", Bytes(r.AtRisk))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "problem: %s\n", Safe(p))
	}
}
