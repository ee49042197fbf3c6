package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Prompt reads lines from a person: with editing, history and completion where in
// and out are a terminal, else as they come. Used by one goroutine.
type Prompt struct {
	// Complete returns what may stand in place of line[start:]; nil: nothing.
	Complete func(line string) (start int, candidates []string)

	in      *os.File // the terminal, nil without one
	term    *term.Terminal
	lines   *bufio.Reader
	history *History

	mu  sync.Mutex
	old *term.State // of the terminal, while a line is typed
}

// NewPrompt makes a prompt; history is saved by whoever made it.
func NewPrompt(in io.Reader, out io.Writer, history *History) *Prompt {
	p := &Prompt{history: history}
	f, ok := in.(*os.File)
	if !ok || !IsTerminal(in) || !IsTerminal(out) {
		p.lines = bufio.NewReader(in)
		return p
	}
	p.in = f
	p.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&lineKeys{r: f}, out}, "")
	p.term.History = history
	p.term.AutoCompleteCallback = p.key
	return p
}

// Interactive tells that a person types.
func (p *Prompt) Interactive() bool { return p.in != nil }

// Line shows the prompt and returns the line that was typed; io.EOF at the end. The
// terminal is as it was before while the line is worked on.
func (p *Prompt) Line(prompt string) (string, error) {
	if p.in == nil {
		line, err := p.lines.ReadString('\n')
		if line != "" {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	}
	fd := int(p.in.Fd())
	if err := p.raw(); err != nil {
		return "", err
	}
	if w, h, err := term.GetSize(fd); err == nil && w > 0 {
		_ = p.term.SetSize(w, h) // a wrong size is only ugly
	}
	p.term.SetPrompt(prompt)
	line, err := p.term.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	if rerr := p.Restore(); err == nil {
		err = rerr
	}
	return line, err
}

func (p *Prompt) raw() (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.old, err = term.MakeRaw(int(p.in.Fd()))
	return err
}

// Restore gives the terminal back as it was. It may be called from any goroutine,
// by one who is about to end the program.
func (p *Prompt) Restore() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.old == nil {
		return nil
	}
	err := term.Restore(int(p.in.Fd()), p.old)
	p.old = nil
	return err
}

// key completes on Tab: what all candidates have in common, or a list of them.
func (p *Prompt) key(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	if p.Complete == nil {
		return line, pos, true
	}
	start, candidates := p.Complete(line[:pos])
	if len(candidates) == 0 {
		return line, pos, true
	}
	common := commonStart(candidates)
	if len(candidates) > 1 && len(common) <= pos-start {
		var list bytes.Buffer
		for _, c := range candidates {
			list.WriteString(Safe(c) + "  ")
		}
		list.WriteByte('\n')
		_, _ = p.term.Write(list.Bytes()) // the next key shows that the terminal is gone
		return line, pos, true
	}
	done := line[:start] + common
	return done + line[pos:], len(done), true
}

// commonStart is what all of them begin with, in characters.
func commonStart(list []string) string {
	common := []rune(list[0])
	for _, s := range list[1:] {
		r := []rune(s)
		n := 0
		for n < min(len(common), len(r)) && common[n] == r[n] {
			n++
		}
		common = common[:n]
	}
	return string(common)
}

// lineKeys makes of Ctrl-C that the line is given up, as shells do, and not the
// program: the cursor goes to the end and all before it is erased.
type lineKeys struct {
	r    io.Reader
	rest []byte
}

func (k *lineKeys) Read(b []byte) (int, error) {
	if len(k.rest) == 0 {
		n, err := k.r.Read(b)
		if err != nil || bytes.IndexByte(b[:n], 3) < 0 {
			return n, err
		}
		k.rest = bytes.ReplaceAll(b[:n], []byte{3}, []byte{5, 21})
	}
	n := copy(b, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}
