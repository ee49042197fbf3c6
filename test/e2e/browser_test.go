package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPageInBrowser drives the page of a running journalist in Chromium; the
// steps are test/e2e/browser/*.test.mjs.
func TestPageInBrowser(t *testing.T) {
	if _, err := os.Stat("../../ui/node_modules/playwright-core"); err != nil {
		t.Fatalf("what the browser test needs is not installed: run make test once, or make tools-test ui-test (%v)", err)
	}
	ctx := deadline(t, 5*time.Minute)
	j := startJournalist(t, ctx)
	cmd := exec.CommandContext(ctx, bin.Journalist, "token", "link", "--data", j.Data, "--url", j.URL())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("token link: %v\n%s", err, out)
	}
	tests, err := filepath.Glob("browser/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no browser tests found (%v)", err)
	}
	node := exec.CommandContext(ctx, "node", append([]string{"--test"}, tests...)...)
	node.Env = append(os.Environ(),
		"JOURNALIST_URL="+j.URL(), "JOURNALIST_TOKEN="+j.Token,
		"JOURNALIST_LOGIN_LINK="+strings.TrimSpace(string(out)))
	report, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	t.Logf("%s", report)
}
