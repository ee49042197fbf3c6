package tail

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"journalist/internal/frame"
	"journalist/internal/record"
)

func framed(o frame.Options) func(*Options) {
	return func(to *Options) { to.Groups[0].Frame, to.Groups[0].Priority = o, 3 }
}

func multi(pattern string) frame.Options {
	return frame.Options{Multiline: &frame.Multiline{Pattern: pattern}}
}

// TestMultilineWaits: an event is sent when the next one begins or nothing came for
// some time, and not before.
func TestMultilineWaits(t *testing.T) {
	r := newRig(t, framed(multi(`^\s`)))
	r.write("app.log", "a\n b\nc\n")
	r.settle()
	r.want("a\n b")
	r.advance(4 * time.Second)
	r.settle()
	r.want("")
	r.write("app.log", " d\n par")
	r.settle()
	r.advance(4 * time.Second)
	r.settle()
	r.want("")
	r.advance(time.Second)
	r.settle()
	r.want("c\n d")
	r.write("app.log", "tial\n")
	r.settle()
	r.advance(5 * time.Second)
	r.settle()
	r.want(" partial")
}

// TestMultilineRestart: what waits is read again after a restart, and what was sent
// and not acknowledged comes in the same rows.
func TestMultilineRestart(t *testing.T) {
	r := newRig(t, framed(multi(`^\s`)))
	r.hold = true
	r.write("app.log", "a\n b\nc\n d\ne\n")
	r.settle()
	r.want("a\n b|c\n d")
	r.restart()
	r.write("app.log", " f\ng\n")
	r.settle()
	r.want("a\n b|c\n d|e\n f")
	r.hold = false
	r.restart()
	r.settle()
	r.want("a\n b|c\n d|e\n f")
	r.restart()
	r.settle()
	r.want("")
	r.rename("app.log", "app.log.1")
	r.settle()
	r.grace()
	r.want("g")
}

// TestMultilineLong: an event that is larger than what is read at a time.
func TestMultilineLong(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Groups[0].Frame = frame.Options{Multiline: &frame.Multiline{Pattern: `^\s`, MaxLines: 1 << 20}}
	})
	long := "trace" + strings.Repeat("\n at somewhere", 3*readSize/14)
	r.write("app.log", "a\n"+long+"\n"+long+"\nb\n")
	r.settle()
	r.want("a|" + long + "|" + long)
	huge := "trace" + strings.Repeat("\n at somewhere", 2*record.MaxValue/14)
	r.write("app.log", huge+"\nc\n")
	r.settle()
	lines, events := 0, 0
	for text := range strings.SplitSeq(r.texts(), "|") {
		lines += strings.Count(text, "\n") + 1
		events++
	}
	if want := 1 + 1 + 2*record.MaxValue/14; lines != want || events != 4 {
		t.Errorf("%d lines of %d in %d events", lines, want, events)
	}
}

// TestEncoded: lines of two-byte units that are written in odd pieces, with a
// restart and a truncation between.
func TestEncoded(t *testing.T) {
	wide := func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteByte(byte(r >> 8))
			b.WriteByte(byte(r))
		}
		return b.String()
	}
	r := newRig(t, framed(frame.Options{Encoding: "utf-16"}))
	text := wide("\ufeffGrüße\r\nzwei\ndrei\n")
	for i := 0; i < len(text); i += 7 {
		r.write("app.log", text[i:min(i+7, len(text))])
		r.settle()
		if i == 14 {
			r.restart()
		}
	}
	r.want("Grüße|zwei|drei")
	r.restart()
	r.write("app.log", wide("vier\n"))
	r.settle()
	r.want("vier")
	r.truncate("app.log", 0)
	r.settle()
	r.write("app.log", wide("\ufefffünf\n"))
	r.settle()
	r.want("fünf")
}

// TestContainerFile: parts of lines wait for the rest, also across a restart, and
// come as they are when the file was rotated and nothing comes.
func TestContainerFile(t *testing.T) {
	r := newRig(t, framed(frame.Options{Format: frame.FormatCRI}))
	line := func(tag, text string) string {
		return fmt.Sprintf("2026-03-01T12:00:00Z stdout %s %s\n", tag, text)
	}
	r.write("app.log", line("F", "whole")+line("P", "one "))
	r.settle()
	r.want("whole")
	r.restart()
	r.write("app.log", line("F", "two")+line("P", "alone"))
	r.settle()
	r.want("one two")
	r.rename("app.log", "app.log.1")
	r.settle()
	r.grace()
	r.want("alone[_split]")
}

// TestChangedFrame: other options hold from the position that was reached.
func TestChangedFrame(t *testing.T) {
	r := newRig(t, framed(multi(`^\s`)))
	r.write("app.log", "a\n b\nc\n")
	r.settle()
	r.want("a\n b")
	r.o.Groups[0].Frame = frame.Options{}
	if err := r.tl.Change(r.o); err != nil {
		t.Fatal(err)
	}
	r.write("app.log", " d\n")
	r.settle()
	r.want("c| d")
	r.o.Groups[0].Frame = frame.Options{Encoding: "klingon"}
	if err := r.tl.Change(r.o); err == nil {
		t.Error("an unknown encoding was taken")
	}
}

// TestFlushLive: nobody but the clock ends an event, in a file and in the standard
// input.
func TestFlushLive(t *testing.T) {
	pr, pw := io.Pipe()
	o := frame.Options{Multiline: &frame.Multiline{Pattern: `^\s`, FlushAfter: 50 * time.Millisecond}}
	l := runLive(t, t.TempDir(), func(to *Options) {
		to.Groups = []Group{{Paths: []string{"-"}, Frame: o}, {Paths: to.Groups[0].Paths, Frame: o}}
		to.Stdin = pr
	})
	l.write("app.log", "file\n trace\n")
	l.want("file\n trace")
	for _, s := range []string{"input\n", " trace\n"} {
		if _, err := io.WriteString(pw, s); err != nil {
			t.Fatal(err)
		}
	}
	l.want("input\n trace")
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPriority: runs carry the priority of their group.
func TestPriority(t *testing.T) {
	r := newRig(t, framed(frame.Options{}))
	r.hold = true
	r.write("app.log", "a\n")
	r.settle()
	if len(r.held) != 1 || r.held[0].Priority != 3 {
		t.Errorf("runs are %+v", r.held)
	}
}
