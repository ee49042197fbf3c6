package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// Renderer shows rows in one form. Row may keep rows back (a table needs widths);
// Flush shows what is left. Used by one goroutine.
type Renderer interface {
	Row(*Row) error
	Flush() error
}

// Forms are the names that NewRenderer knows, for help texts and completion.
var Forms = []string{"pretty", "raw", "json", "logfmt", "csv", "table"}

// RenderOptions say how rows are shown.
type RenderOptions struct {
	// Form is one of Forms.
	Form string
	// Zone is where times of pretty and table are shown; nil means the local one.
	Zone *time.Location
	// Colour allows colours.
	Colour bool
	// Terminal says that a person looks at it: forms that are exact otherwise make
	// visible what could act on the terminal.
	Terminal bool
	// Width is the terminal's, 0 for none: pretty wraps to it, a table cuts long
	// cells to it.
	Width int
	// Times are the columns that are times in the answer, besides those that answers
	// of commands have.
	Times map[string]bool
	// Marks are what pretty marks in messages where it has colours; nil: nothing.
	Marks *Highlighter
}

// NewRenderer makes the renderer for a form. Whoever calls it buffers w as it
// sees fit.
func NewRenderer(w io.Writer, o RenderOptions) (Renderer, error) {
	if o.Zone == nil {
		o.Zone = time.Local
	}
	exact := w
	if o.Terminal {
		exact = NewSafeWriter(w)
	}
	switch o.Form {
	case "pretty":
		return &prettyRenderer{w: w, o: o}, nil
	case "raw":
		return &rawRenderer{w: exact}, nil
	case "json":
		return &jsonRenderer{w: exact}, nil
	case "logfmt":
		return &logfmtRenderer{w: exact}, nil
	case "csv":
		return newCSVRenderer(exact), nil
	case "table":
		return &tableRenderer{w: w, o: o}, nil
	}
	return nil, Exit(ExitUsage, fmt.Errorf("-o %s: want one of %s", o.Form, strings.Join(Forms, ", ")))
}

// TerminalOptions fills in what depends on where the output goes.
func TerminalOptions(form string, out io.Writer) RenderOptions {
	o := RenderOptions{Form: form}
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return o
	}
	o.Terminal = true
	o.Colour = ColourWanted()
	if w, _, err := term.GetSize(int(f.Fd())); err == nil {
		o.Width = w
	}
	return o
}

// ColourWanted tells that the environment does not forbid colours (no-color.org).
func ColourWanted() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// IsTerminal tells that w is a terminal.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// flusher is what NewSafeWriter has and a plain writer has not.
type flusher interface{ Flush() error }

func flush(w io.Writer) error {
	if f, ok := w.(flusher); ok {
		return f.Flush()
	}
	return nil
}

// rowTime returns the row's time in the zone, as pretty and table show it; text
// that is no time stays.
func shownTime(text string, zone *time.Location) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return Safe(text)
	}
	return t.In(zone).Format("2006-01-02 15:04:05.000")
}
