package scan

import (
	"context"
	"sync/atomic"
)

// Progress counts how far the scans of one query are. It travels in the context
// (WithProgress), because who wants to know is far from who does: a source advances
// it, and whoever asked looks at it meanwhile. All methods may be called
// concurrently, and on nil, which counts nothing.
type Progress struct {
	groups, done, rows, bytes, reached atomic.Int64
}

// Count is what a Progress has counted.
type Count struct {
	Groups, GroupsDone int64 // to be looked into, and looked into or skipped
	RowsScanned        int64
	BytesRead          int64
	// Reached is the time that a scan in the order of time has come to; 0 for others.
	Reached int64
}

type progressKey struct{}

// WithProgress returns a context whose scans advance p.
func WithProgress(ctx context.Context, p *Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

// ProgressOf returns the progress that a context carries, nil if none.
func ProgressOf(ctx context.Context) *Progress {
	p, _ := ctx.Value(progressKey{}).(*Progress)
	return p
}

// Expect adds row groups that a scan will look into.
func (p *Progress) Expect(groups int) {
	if p != nil {
		p.groups.Add(int64(groups))
	}
}

// Add adds what was done.
func (p *Progress) Add(st *Stats) {
	if p != nil {
		p.done.Add(st.GroupsRead + st.GroupsSkipped)
		p.rows.Add(st.RowsScanned)
		p.bytes.Add(st.BytesRead)
	}
}

// Reach says which time a scan in the order of time has come to.
func (p *Progress) Reach(t int64) {
	if p != nil {
		p.reached.Store(t)
	}
}

// Count returns what was counted until now.
func (p *Progress) Count() Count {
	if p == nil {
		return Count{}
	}
	return Count{Groups: p.groups.Load(), GroupsDone: p.done.Load(), RowsScanned: p.rows.Load(), BytesRead: p.bytes.Load(), Reached: p.reached.Load()}
}
