package rotate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"journalist/internal/rotate/conf"
)

// kind is what a step does. The names are part of the state's format.
type kind string

const (
	shift    kind = "shift"    // rename older rotations
	rename   kind = "rename"   // rename the log
	backup   kind = "backup"   // rename what is in the way
	compress kind = "compress" // compress, and remove what was compressed
	remove   kind = "remove"   // remove an old rotation
	unlink   kind = "unlink"   // remove a name, whatever preremove and shred say
	create   kind = "create"   // make the log anew
	copying  kind = "copy"     // copy the log
	cut      kind = "cut"      // copy the log and take its lines out
	script   kind = "script"
	failing  kind = "fail" // nothing more can be done with this log
)

// stage orders the steps of several logs in a plan.
type stage int

const (
	prepare stage = iota
	beforeRotate
	rotating
	afterRotate
	finish
	late // runs whatever failed
)

// step is one of a plan. After a crash the first one that is not noted as done is
// repeated, so that each must recognise what it has already done.
type step struct {
	Kind  kind   `json:"kind"`
	Stage stage  `json:"stage"`
	Log   int    `json:"log"` // index into Logs, -1 for all
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	// Attr is what the source was like, or what is made is to be like.
	Attr  *attr    `json:"attr,omitempty"`
	Moves []move   `json:"moves,omitempty"`
	Name  string   `json:"name,omitempty"` // of a script
	Text  string   `json:"text,omitempty"`
	Args  []string `json:"args,omitempty"`
}

// move is one renaming of a shift; Ino tells whether it is done already. 0 is not
// known, because an earlier step makes the file: then it is alone in its step.
type move struct {
	From string `json:"from"`
	To   string `json:"to"`
	Ino  uint64 `json:"ino,omitempty"`
}

// plan is a rotation of one log, or of all logs of a block with sharedscripts. It
// holds all that is needed to complete it whatever the configuration says by then.
type plan struct {
	Pattern string   `json:"pattern"`
	Logs    []string `json:"logs"`
	Shared  bool     `json:"shared,omitempty"`
	// Failed: a log of a shared plan failed before it began.
	Failed        bool            `json:"failed,omitempty"`
	At            time.Time       `json:"at"`
	Steps         []step          `json:"steps"`
	Compressor    conf.Compressor `json:"compressor"`
	PreRemove     string          `json:"preremove,omitempty"`
	Shred         bool            `json:"shred,omitempty"`
	ShredCycles   int             `json:"shred_cycles,omitempty"`
	AllowHardlink bool            `json:"allow_hardlink,omitempty"`
	Su            *conf.Owner     `json:"su,omitempty"`
}

// names are those of one log's rotation.
type names struct{ dir, base, ext, comp, final, dispose string }

// planner writes a plan.
type planner struct {
	set  *conf.Set
	now  time.Time
	view *view
	plan plan
}

// together groups the logs of a block by what is rotated in one plan: each by itself,
// or all where scripts are shared.
func together(s *conf.Set, targets []target) [][]target {
	if s.SharedScripts {
		return [][]target{targets}
	}
	var out [][]target
	for _, t := range targets {
		out = append(out, []target{t})
	}
	return out
}

// makePlan plans the rotation of logs of one block; more than one where scripts
// are shared.
func makePlan(s *conf.Set, targets []target, failed bool, now time.Time) plan {
	p := &planner{set: s, now: now, view: newView(), plan: plan{
		Pattern: s.Pattern, Shared: s.SharedScripts, Failed: failed, At: now, Compressor: s.Compressor,
		PreRemove: s.PreRemove, Shred: s.Shred, ShredCycles: s.ShredCycles, AllowHardlink: s.AllowHardlink, Su: s.Su,
	}}
	all := make([]names, len(targets))
	for i, t := range targets {
		p.plan.Logs = append(p.plan.Logs, t.path)
		p.prepare(i, t, &all[i])
	}
	args := func(final string) []string {
		if s.SharedScripts {
			return []string{s.Pattern}
		}
		if final == "" {
			return []string{targets[0].path}
		}
		return []string{targets[0].path, final}
	}
	of := 0
	if s.SharedScripts {
		of = -1
	}
	if s.Pre != "" {
		p.add(step{Kind: script, Stage: beforeRotate, Log: of, Name: "prerotate", Text: s.Pre, Args: args("")})
	}
	for i, t := range targets {
		p.rotate(i, t, &all[i])
	}
	if s.Post != "" {
		p.add(step{Kind: script, Stage: afterRotate, Log: of, Name: "postrotate", Text: s.Post, Args: args(all[0].final)})
	}
	for i, t := range targets {
		p.finish(i, t, &all[i])
	}
	return p.plan
}

func (p *planner) add(s step) { p.plan.Steps = append(p.plan.Steps, s) }

// name fills in what rotations of a log are called.
func (p *planner) name(t target, n *names) {
	s := p.set
	n.dir, n.base = filepath.Dir(t.path), filepath.Base(t.path)
	if s.OldDir != "" {
		n.dir = oldDir(s, t.path)
	}
	if s.Compress {
		n.comp = s.Compressor.Ext
	}
	if s.AddExtension != "" {
		n.base = strings.TrimSuffix(n.base, s.AddExtension)
		n.ext = s.AddExtension
	}
	if s.Extension != "" && strings.HasSuffix(n.base, s.Extension) {
		n.base = strings.TrimSuffix(n.base, s.Extension)
		n.ext = s.Extension
	}
}

func oldDir(s *conf.Set, log string) string {
	if filepath.IsAbs(s.OldDir) {
		return s.OldDir
	}
	return filepath.Join(filepath.Dir(log), s.OldDir)
}

func (n *names) path(suffix string) string { return filepath.Join(n.dir, n.base+suffix) }

func (n *names) number(i int) string { return n.path("." + strconv.Itoa(i) + n.ext) }

// prepare makes room: it compresses what was put off, removes what is too much and
// renames what stays.
func (p *planner) prepare(i int, t target, n *names) {
	s := p.set
	p.name(t, n)
	if s.Compress && s.DelayCompress {
		if s.DateExt {
			for _, old := range p.dated(n, n.ext) {
				p.compress(i, prepare, old, nil)
			}
		} else if old := n.number(s.Start); p.view.exists(old) {
			p.compress(i, prepare, old, nil)
		}
	}
	if s.DateExt {
		p.expireDated(i, n)
		n.final = n.path(s.DateSuffix(p.now) + n.ext)
		if dest := n.final + n.comp; p.view.exists(dest) {
			p.add(step{Kind: failing, Stage: prepare, Log: i, Text: dest + " is there already: the log was rotated under this name before (see dateformat)"})
		}
	} else {
		p.shift(i, n)
		n.final = n.number(s.Start)
	}
	if n.dispose != "" && !p.view.exists(n.dispose) {
		n.dispose = ""
	}
}

// dated finds rotations with a date in their names, the oldest first.
func (p *planner) dated(n *names, tail string) []string {
	type found struct {
		name  string
		order time.Time
	}
	var all []found
	layout := p.set.DateLayout()
	for _, name := range p.view.list(n.dir) {
		rest, ok := strings.CutPrefix(name, n.base)
		if !ok {
			continue
		}
		if rest, ok = strings.CutSuffix(rest, tail); !ok {
			continue
		}
		if order, ok := layout.Match(rest, p.now.Location()); ok {
			all = append(all, found{filepath.Join(n.dir, name), order})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.order.Compare(b.order) })
	out := make([]string, len(all))
	for i, f := range all {
		out[i] = f.name
	}
	return out
}

// keep is how many rotations are kept while the next is made: with none the log is
// still rotated, for the scripts, and then removed.
func (p *planner) keep() int {
	if p.set.Rotate == 0 {
		return 1
	}
	return p.set.Rotate
}

func (p *planner) tooOld(a attr) bool {
	age := time.Duration(p.now.Unix()-time.Unix(0, a.MTime).Unix()) * time.Second
	return p.set.MaxAge > 0 && age > time.Duration(p.set.MaxAge)*24*time.Hour
}

// expireDated removes all but the last of those that are too many or too old, and
// leaves that one to the end.
func (p *planner) expireDated(i int, n *names) {
	all := p.dated(n, n.ext+n.comp)
	keep := p.keep()
	for k, name := range all {
		a, ok := p.view.stat(name)
		if !ok || !((keep > 0 && k <= len(all)-keep) || p.tooOld(a)) {
			continue
		}
		if n.dispose != "" {
			p.remove(i, prepare, n.dispose)
		}
		n.dispose = name
	}
}

// shift gives each numbered rotation the next number.
func (p *planner) shift(i int, n *names) {
	s := p.set
	keep := p.keep()
	if s.Rotate == -1 {
		keep = p.lastNumber(n)
	}
	next := n.number(s.Start+keep) + n.comp
	if s.Rotate != -1 {
		n.dispose = next
	}
	var moves []move
	for k := keep + s.Start - 1; k >= s.Start; k-- {
		to := next
		from := n.number(k) + n.comp
		next = from
		a, ok := p.view.stat(from)
		switch {
		case !ok:
			continue
		case p.tooOld(a):
			p.moves(i, &moves)
			p.remove(i, prepare, from)
			continue
		}
		if a.Ino == 0 {
			p.moves(i, &moves)
		}
		moves = append(moves, move{from, to, a.Ino})
		if a.Ino == 0 {
			p.moves(i, &moves)
		}
		p.view.rename(from, to)
	}
	p.moves(i, &moves)
}

func (p *planner) moves(i int, moves *[]move) {
	if len(*moves) > 0 {
		p.add(step{Kind: shift, Stage: prepare, Log: i, Moves: *moves})
		*moves = nil
	}
}

// lastNumber is the highest number that a rotation has.
func (p *planner) lastNumber(n *names) int {
	last := 0
	for _, name := range p.view.list(n.dir) {
		rest, ok := strings.CutPrefix(name, n.base+".")
		if !ok {
			continue
		}
		if rest, ok = strings.CutSuffix(rest, n.ext+n.comp); !ok {
			continue
		}
		if k, err := strconv.Atoi(rest); err == nil {
			last = max(last, k)
		}
	}
	return last
}

// rotate moves the log, or its lines, to the new name.
func (p *planner) rotate(i int, t target, n *names) {
	s := p.set
	if !s.CopyTruncate && !s.Copy {
		to := n.final
		if s.RenameCopy {
			to = t.path + ".tmp"
		}
		p.add(step{Kind: rename, Stage: rotating, Log: i, From: t.path, To: to, Attr: &t.attr})
		p.view.rename(t.path, to)
		if s.Rotate == 0 {
			n.dispose = n.final
			if s.Compress && !s.DelayCompress {
				n.dispose += n.comp
			}
		}
		if s.Create != nil {
			a := t.attr
			if s.Create.Mode >= 0 {
				a.Mode = uint32(s.Create.Mode)
			}
			if s.Create.UID >= 0 {
				a.UID = s.Create.UID
			}
			if s.Create.GID >= 0 {
				a.GID = s.Create.GID
			}
			p.add(step{Kind: create, Stage: rotating, Log: i, To: t.path, Attr: &a})
		}
		return
	}
	if s.RenameCopy {
		return
	}
	st := step{Kind: copying, Stage: rotating, Log: i, From: t.path, To: n.final, Attr: &t.attr}
	if s.CopyTruncate {
		st.Kind = cut
	}
	if s.Rotate == 0 {
		st.To = ""
	} else {
		p.backup(i, rotating, n.final)
		p.view.set(n.final, attr{Mode: t.attr.Mode, UID: t.attr.UID, GID: t.attr.GID, Size: t.attr.Size, MTime: p.now.UnixNano()})
	}
	if st.Kind == cut || st.To != "" {
		p.add(st)
	}
}

// finish compresses the new rotation and removes the one that is too much.
func (p *planner) finish(i int, t target, n *names) {
	s := p.set
	if s.RenameCopy && !s.Copy {
		tmp := t.path + ".tmp"
		p.backup(i, finish, n.final)
		p.add(step{Kind: copying, Stage: finish, Log: i, From: tmp, To: n.final, Attr: &t.attr})
		p.add(step{Kind: unlink, Stage: finish, Log: i, From: tmp})
		p.view.remove(tmp)
		p.view.set(n.final, t.attr)
	}
	if s.Compress && !s.DelayCompress && p.view.exists(n.final) {
		p.compress(i, finish, n.final, &t.attr)
	}
	if n.dispose != "" {
		p.remove(i, finish, n.dispose)
	}
}

// compress plans a compression. The result gets the attributes of the source, or
// of the log that it was.
func (p *planner) compress(i int, at stage, from string, like *attr) {
	if like == nil {
		a, ok := p.view.stat(from)
		if !ok {
			return
		}
		like = &a
	}
	to := from + p.set.Compressor.Ext
	p.backup(i, at, to)
	p.add(step{Kind: compress, Stage: at, Log: i, From: from, To: to, Attr: like})
	p.view.remove(from)
	a := *like
	a.Dev, a.Ino = 0, 0
	p.view.set(to, a)
}

// backup moves what is in the way of a new file.
func (p *planner) backup(i int, at stage, name string) {
	if !p.view.exists(name) {
		return
	}
	to := name + p.now.Format("-2006010215") + ".backup"
	p.add(step{Kind: backup, Stage: at, Log: i, From: name, To: to})
	p.view.rename(name, to)
}

func (p *planner) remove(i int, at stage, name string) {
	p.add(step{Kind: remove, Stage: at, Log: i, From: name})
	p.view.remove(name)
}

// String says what a step does, for a dry run.
func (s step) String() string {
	switch s.Kind {
	case shift:
		var b strings.Builder
		for i, m := range s.Moves {
			if i > 0 {
				b.WriteString("; ")
			}
			fmt.Fprintf(&b, "rename %s to %s", m.From, m.To)
		}
		return b.String()
	case rename:
		return fmt.Sprintf("rename %s to %s", s.From, s.To)
	case backup:
		return fmt.Sprintf("move %s out of the way, to %s", s.From, s.To)
	case compress:
		return fmt.Sprintf("compress %s to %s", s.From, s.To)
	case remove, unlink:
		return "remove " + s.From
	case create:
		return fmt.Sprintf("make %s, mode %04o, owner %d:%d", s.To, s.Attr.Mode, s.Attr.UID, s.Attr.GID)
	case copying:
		return fmt.Sprintf("copy %s to %s", s.From, s.To)
	case cut:
		if s.To == "" {
			return "truncate " + s.From
		}
		return fmt.Sprintf("copy %s to %s and truncate it", s.From, s.To)
	case script:
		return "run the script " + s.Name
	}
	return "stop: " + s.Text
}
