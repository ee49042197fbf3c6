package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/cli"
)

const backupToken = "jt_admin-token-of-the-backup-test-0123456789"

// startKnown starts a server on a data folder whose admin token the client commands
// have in the environment.
func startKnown(t *testing.T, data string) *server {
	t.Helper()
	if err := os.WriteFile("token", []byte(backupToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The server.json of a restored folder is made anew.
	s := startServerIn(t, data, "--admin-token-file", "token")
	t.Setenv("JOURNALIST_URL", s.info.URL)
	t.Setenv("JOURNALIST_TOKEN", backupToken)
	return s
}

func load(t *testing.T, lines ...string) {
	t.Helper()
	code, _, errs := journalist(t, strings.Join(lines, "\n")+"\n", "import", "--format", "text", "-")
	if code != 0 {
		t.Fatalf("import: code %d, %s", code, errs)
	}
}

func count(t *testing.T, query string) string {
	t.Helper()
	out, _ := must(t, "query", "--from", "1970-01-01", query+" | stats count() as n", "-o", "csv")
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(out), "n"))
}

// A deletion, backups of a running and of a stopped server, and a restore.
func TestDeleteBackupRestore(t *testing.T) {
	dir := home(t)
	s := startKnown(t, "data")
	var lines []string
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("2026-03-01T12:00:%02dZ user u%d did something", i%60, i%10))
	}
	load(t, lines...)

	if _, errs := must(t, "delete", "--dry-run", "u7"); !strings.Contains(errs, "20 records found") {
		t.Errorf("dry run: %s", errs)
	}
	if code, _, errs := journalist(t, "", "delete", "u7"); code != cli.ExitUsage || !strings.Contains(errs, "--yes") {
		t.Errorf("without a terminal: code %d, %s", code, errs)
	}
	if code, _, errs := journalist(t, "", "delete", "--yes", "u7 | limit 3"); code != cli.ExitUsage || !strings.Contains(errs, "filter alone") {
		t.Errorf("with a pipe: code %d, %s", code, errs)
	}
	if code, _, _ := journalist(t, "", "delete", "--yes", " "); code != cli.ExitUsage {
		t.Errorf("empty query: code %d", code)
	}
	if n := count(t, "u7"); n != "20" {
		t.Errorf("%s records before the deletion", n)
	}
	if _, errs := must(t, "delete", "--yes", "--to", "2026-03-01T12:00:30Z", "u7"); !strings.Contains(errs, "records deleted") {
		t.Errorf("delete: %s", errs)
	}
	if _, errs := must(t, "delete", "--yes", "--dataset", "other", "u8"); !strings.Contains(errs, "0 records deleted") {
		t.Errorf("delete: %s", errs)
	}
	if n := count(t, "u7"); n == "20" || n == "0" {
		t.Errorf("%s records after the deletion of some", n)
	}
	must(t, "delete", "--yes", "u7")
	if all, u7 := count(t, "*"), count(t, "u7"); all != "180" || u7 != "0" {
		t.Errorf("%s records after the deletion, %s of u7", all, u7)
	}
	if log := s.log.String(); !strings.Contains(log, "deleted records") || !strings.Contains(log, "query=u7") {
		t.Errorf("the log does not say who deleted what:\n%s", log)
	}

	bak := filepath.Join(dir, "bak")
	if _, errs := must(t, "backup", bak); !strings.Contains(errs, "180 records") || !strings.Contains(errs, "no problem found") {
		t.Errorf("backup: %s", errs)
	}
	load(t, "2026-03-02T12:00:00Z one more")
	if _, errs := must(t, "backup", "--quick", bak); !strings.Contains(errs, "181 records") || strings.Contains(errs, "no problem") {
		t.Errorf("second backup: %s", errs)
	}
	if code, _, errs := journalist(t, "", "backup", "--data", "data", bak); code != cli.ExitFailure || !strings.Contains(errs, "without --data") {
		t.Errorf("--data of a running server: code %d, %s", code, errs)
	}
	if code, _, errs := journalist(t, "", "restore", bak, "--data", "data"); code != cli.ExitFailure || !strings.Contains(errs, "not empty") {
		t.Errorf("restore over a server: code %d, %s", code, errs)
	}
	load(t, "2026-03-02T12:00:00Z and another")
	s.stop()
	if _, errs := must(t, "backup", "--data", "data", bak); !strings.Contains(errs, "182 records") {
		t.Errorf("backup of a stopped server: %s", errs)
	}
	if code, _, errs := journalist(t, "", "backup", "--data", "data", dir); code != cli.ExitFailure || !strings.Contains(errs, "not a backup") {
		t.Errorf("backup into another folder: code %d, %s", code, errs)
	}

	if _, errs := must(t, "restore", bak, "--data", "new"); !strings.Contains(errs, "182 records") {
		t.Errorf("restore: %s", errs)
	}
	if _, errs := must(t, "verify", "--data", "new"); !strings.Contains(errs, "182 records") {
		t.Errorf("verify: %s", errs)
	}
	before, err := os.ReadFile("data/pki/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile("new/pki/ca.crt"); err != nil || string(after) != string(before) {
		t.Errorf("another authority after the restore: %v", err)
	}
	startKnown(t, "new")
	if all, u3 := count(t, "*"), count(t, "u3"); all != "182" || u3 != "20" {
		t.Errorf("%s records in the restored server, %s of u3", all, u3)
	}

	parts, err := filepath.Glob(filepath.Join(bak, "store/data/*/*/*.part"))
	if err != nil || len(parts) == 0 {
		t.Fatal(parts, err)
	}
	data, err := os.ReadFile(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(parts[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := journalist(t, "", "restore", bak, "--data", "third"); code != cli.ExitCheck || !strings.Contains(out, filepath.Base(parts[0])) {
		t.Errorf("restore of a damaged backup: code %d, %s", code, out)
	}
	if _, err := os.Stat("third"); err == nil {
		t.Error("a damaged backup was restored")
	}
}
