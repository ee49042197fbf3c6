package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestManPage(t *testing.T) {
	parent := &cobra.Command{Use: "tool"}
	c := &cobra.Command{
		Use: "ask QUESTION", Short: "ask a \\ question", Run: func(*cobra.Command, []string) {},
		Long:    "First paragraph,\n.still it.\n\nSecond:\n  as it\n\n  is\nEnd.",
		Example: "  tool ask 'why' -n 3",
	}
	c.Flags().IntP("limit", "n", 7, "at most `N` answers")
	c.Flags().Bool("loud", false, "louder …")
	parent.PersistentFlags().String("server", "", "the `URL`")
	parent.AddCommand(c)
	want := `.TH "TOOL\-ASK" "1" "" "journalist" "journalist"
.SH NAME
tool\-ask \- ask a \e question
.SH SYNOPSIS
\fBtool ask QUESTION [flags]\fP
.SH DESCRIPTION
First paragraph,
\&.still it.
.PP
Second:
.PP
.nf
  as it

  is
.fi
.PP
End.
.SH OPTIONS
.nf
  \-n, \-\-limit N   at most N answers (default 7)
      \-\-loud      louder \[u2026]
.fi
.SH OPTIONS OF ALL COMMANDS
.nf
      \-\-server URL   the URL
.fi
.SH EXAMPLES
.PP
.nf
  tool ask 'why' \-n 3
.fi
.SH EXIT STATUS
As \fBtool\fP(1) says.
.SH SEE ALSO
\fBtool\fP(1)
`
	if got := string(manPage(c)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Every command has a page, which roff (where there is one) reads without complaint.
func TestManPages(t *testing.T) {
	home(t)
	if code, _, errs := journalist(t, "", "man", "pages"); code != 0 {
		t.Fatalf("code %d, %s", code, errs)
	}
	pages, err := filepath.Glob("pages/*.1")
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	groff, _ := exec.LookPath("groff")
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %q", page, want)
			}
		}
		for line := range strings.Lines(string(text)) {
			macro, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.HasPrefix(line, ".") && !strings.Contains(".TH .SH .TP .PP .nf .fi", macro) {
				t.Errorf("%s: %q is no macro", page, line)
			}
		}
		if groff == "" {
			continue
		}
		if out, err := exec.Command(groff, "-man", "-Tutf8", "-ww", "-z", page).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v %s", page, err, out)
		}
	}
	if code, _, _ := journalist(t, "", "man"); code != 2 {
		t.Errorf("code %d without a directory", code)
	}
}
