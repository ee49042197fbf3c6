package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "write the manual pages into a directory",
		Long: `Write a manual page for each command into a directory, which is made when it is not
there: journalist.1, journalist-query.1 and so on.`,
		Example: `  journalist man /usr/local/share/man/man1
  journalist man /tmp/man && man /tmp/man/journalist-query.1`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			n := 0
			for _, c := range manCommands(cmd.Root()) {
				if err := os.WriteFile(filepath.Join(args[0], manName(c)+".1"), manPage(c), 0o644); err != nil {
					return err
				}
				n++
			}
			fmt.Fprintf(a.stderr, "%d pages in %s\n", n, cli.Safe(args[0]))
			return nil
		},
	}
}

// manCommands are the commands that have a page: a command and all below it, but not
// cobra's own.
func manCommands(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
			list = append(list, manCommands(sub)...)
		}
	}
	return list
}

// manWidth is how wide the options are written: terminals have 80 columns, and
// sections are set in.
const manWidth = 72

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage is the page of a command, in roff's man macros.
func manPage(c *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH \"%s\" \"1\" \"\" \"journalist\" \"journalist\"\n", roff(strings.ToUpper(manName(c))))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(c)), roff(c.Short))
	use := c.UseLine()
	if len(c.Commands()) > 0 && c.HasAvailableSubCommands() {
		use = c.CommandPath() + " COMMAND [flags]"
	}
	fmt.Fprintf(&b, ".SH SYNOPSIS\n\\fB%s\\fP\n", roff(use))
	b.WriteString(".SH DESCRIPTION\n")
	manText(&b, firstText(c.Long, c.Short))
	if subs := manSubcommands(c); len(subs) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, s := range subs {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fP(1)\n%s\n", roff(manName(s)), roff(s.Short))
		}
	}
	manFlags(&b, "OPTIONS", c.NonInheritedFlags().FlagUsagesWrapped(manWidth))
	manFlags(&b, "OPTIONS OF ALL COMMANDS", c.InheritedFlags().FlagUsagesWrapped(manWidth))
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		manText(&b, c.Example)
	}
	if c.HasParent() {
		fmt.Fprintf(&b, ".SH EXIT STATUS\nAs \\fB%s\\fP(1) says.\n", roff(manName(c.Root())))
		fmt.Fprintf(&b, ".SH SEE ALSO\n\\fB%s\\fP(1)\n", roff(manName(c.Parent())))
	}
	return b.Bytes()
}

func firstText(texts ...string) string {
	i := slices.IndexFunc(texts, func(s string) bool { return s != "" })
	return texts[max(i, 0)]
}

func manSubcommands(c *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, s := range manCommands(c)[1:] {
		if s.Parent() == c {
			list = append(list, s)
		}
	}
	return list
}

// manText writes paragraphs; lines that are set in stay as they are.
func manText(b *bytes.Buffer, text string) {
	exact, between := false, false
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			between = true
			continue
		}
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && !exact:
			b.WriteString(".PP\n.nf\n")
		case !indented && exact:
			b.WriteString(".fi\n.PP\n")
		case between && exact:
			b.WriteString("\n")
		case between:
			b.WriteString(".PP\n")
		}
		exact, between = indented, false
		b.WriteString(roff(line) + "\n")
	}
	if exact {
		b.WriteString(".fi\n")
	}
}

// manFlags writes the usage of flags, which stands in columns.
func manFlags(b *bytes.Buffer, title, usages string) {
	if usages == "" {
		return
	}
	fmt.Fprintf(b, ".SH %s\n.nf\n", title)
	for line := range strings.Lines(usages) {
		b.WriteString(roff(strings.TrimRight(line, " \n")) + "\n")
	}
	b.WriteString(".fi\n")
}

// roff spells a line so that roff shows it as it is, in whatever encoding it reads.
func roff(line string) string {
	var b strings.Builder
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		b.WriteString(`\&`)
	}
	for _, r := range line {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r >= utf8.RuneSelf:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
