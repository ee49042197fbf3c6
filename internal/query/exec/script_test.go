package exec_test

import (
	"testing"

	"go.uber.org/goleak"

	"journalist/internal/query/exec"
	"journalist/internal/record"
	"journalist/internal/testkit/memsource"
	"journalist/internal/testkit/queryscript"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The scripts give the same answers whatever blocks the source yields and whether
// or not it takes aggregations.
func TestScripts(t *testing.T) {
	for name, newSource := range map[string]func() *memsource.Source{
		"small blocks": func() *memsource.Source { return &memsource.Source{} },
		"plain":        func() *memsource.Source { return &memsource.Source{BlockRows: 2, Plain: true} },
		"large blocks": func() *memsource.Source { return &memsource.Source{BlockRows: 1000} },
		"aggregates":   func() *memsource.Source { return &memsource.Source{Aggregates: true} },
	} {
		t.Run(name, func(t *testing.T) {
			queryscript.Run(t, "testdata", func(_ *testing.T, batches []*record.Batch) exec.Source {
				s := newSource()
				for _, b := range batches {
					s.Add(b)
				}
				return s
			})
		})
	}
}
