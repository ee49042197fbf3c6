package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// In a bash without the package bash-completion a line is completed as well, words
// with = and : as one.
func TestCompletionInBash(t *testing.T) {
	home(t)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("app.json", []byte(`{"message":"x","level":"error","host":"web-01"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The program is the test's own binary, by the name in the script.
	if err := os.Symlink(os.Args[0], "journalist"); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"journalist que":                                  "query",
		"journalist query --outp":                         "--output",
		"journalist query -o js":                          "json",
		"journalist query --output=js":                    "json",
		"journalist query --file app.json hos":            "host:",
		"journalist query --file app.json host:we":        "web-01",
		"journalist query --file app.json host=we":        "web-01",
		"journalist query --file app.json -n 5 level:":    "error",
		"journalist values --file app.json le":            "level",
		"journalist values   --file app.json level host:": "web-01",
	} {
		script := `source <(journalist completion bash)
compopt() { :; } # which works only while Tab is pressed
COMP_LINE=$1 COMP_POINT=${#1}
read -ra parts <<<"$1"
COMP_WORDS=()
for part in "${parts[@]}"; do # as bash parts them
	while [[ $part =~ ^([^=:]*)([=:]+)(.*)$ ]]; do
		[[ -z ${BASH_REMATCH[1]} ]] || COMP_WORDS+=("${BASH_REMATCH[1]}")
		COMP_WORDS+=("${BASH_REMATCH[2]}") part=${BASH_REMATCH[3]}
	done
	[[ -z $part ]] || COMP_WORDS+=("$part")
done
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
__start_journalist
printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command(bash, "--norc", "-c", script, "bash", line)
		cmd.Env = append(os.Environ(), "JOURNALIST_TEST_PROGRAM=1", "PATH=.:"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
		var got []string
		for text := range strings.Lines(string(out)) {
			text, _, _ = strings.Cut(text, "  ") // a description
			got = append(got, strings.TrimSpace(text))
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("%s: %q, want %q", line, g, want)
		}
	}
}
