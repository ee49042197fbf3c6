package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"journalist/internal/record"
)

// Sender is who sends over HTTP: internal/api finds it out from the credentials
// and leaves it in the request's context, the protocols' handlers ask for it.
type Sender struct {
	// Name is the token's or user's name; it becomes record.Batch.Client.
	Name string
	// Datasets are the only ones it may write into; nil means all.
	Datasets []string
}

// May tells whether the sender may write into a dataset; "" is the default one.
func (s Sender) May(dataset string) bool {
	if dataset == "" {
		dataset = record.DefaultDataset
	}
	return s.Datasets == nil || slices.Contains(s.Datasets, dataset)
}

type senderKey struct{}

// WithSender returns a context that knows who sends.
func WithSender(ctx context.Context, s Sender) context.Context {
	return context.WithValue(ctx, senderKey{}, s)
}

// SenderFrom returns who sends. A context that does not know gives a sender that
// may write nowhere, so that a handler mounted without authentication is closed.
func SenderFrom(ctx context.Context) Sender {
	if s, ok := ctx.Value(senderKey{}).(Sender); ok {
		return s
	}
	return Sender{Datasets: []string{}}
}

// MaxDatasetName is the longest name of a dataset in bytes.
const MaxDatasetName = 100

// CheckDataset says what is wrong with a dataset's name. Names are lower-case
// letters, digits, '-', '_' and '.', beginning with a letter or digit: what
// Elasticsearch allows for an index in daily use, and nothing that could mean
// something in a path, a query or a metric.
func CheckDataset(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("dataset has no name")
	case len(name) > MaxDatasetName:
		return fmt.Errorf("dataset name has %d bytes, at most %d are allowed", len(name), MaxDatasetName)
	}
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			continue
		}
		if i == 0 || !strings.ContainsRune("-_.", rune(c)) {
			return fmt.Errorf("dataset name %q has %q at byte %d: use lower-case letters, digits, '-', '_' and '.', beginning with a letter or digit", name, name[i:i+1], i)
		}
	}
	return nil
}
