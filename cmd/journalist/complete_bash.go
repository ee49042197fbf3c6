package main

import (
	"io"

	"github.com/spf13/cobra"
)

// bashWords is the one function of the package bash-completion that the script of
// cobra cannot do without, for machines that lack the package: the words of the line
// up to the cursor, where = and : do not part them as bash does.
const bashWords = `
declare -F _get_comp_words_by_ref >/dev/null || _get_comp_words_by_ref() {
    local line="${COMP_LINE:0:COMP_POINT}" i word rest
    words=() cword=0
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        rest="${line#"${line%%[![:space:]]*}"}"
        ((i < COMP_CWORD)) || word="$rest"
        if ((i > 0)) && [[ "$rest" == "$line" && ("$word" == [=:]* || "${words[cword]}" == *[=:]) ]]; then
            words[cword]+="$word"
        else
            ((i == 0)) || ((cword++))
            words[cword]="$word"
        fi
        line="${rest#"$word"}"
    done
    cur="${words[cword]}" prev=""
    ((cword == 0)) || prev="${words[cword-1]}"
}
`

// completionForBash lets the command completion bash print bashWords, too.
func completionForBash(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	bash, _, _ := root.Find([]string{"completion", "bash"}) // it is there
	script := bash.RunE
	bash.RunE = func(cmd *cobra.Command, args []string) error {
		if err := script(cmd, args); err != nil {
			return err
		}
		_, err := io.WriteString(cmd.Root().OutOrStdout(), bashWords)
		return err
	}
	bash.Long = "Generate the autocompletion script for bash. To load it in a session:\n\n" +
		"\tsource <(journalist completion bash)\n\nfor every session, put that into ~/.bashrc. It needs no further package."
}
