package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/facts"
	"journalist/internal/frame"
	"journalist/internal/record"
	"journalist/internal/rules"
	"journalist/internal/ship"
)

// internal/config knows nothing of the packages whose words it reads: each word that
// they know may stand in a configuration, and each that may stand there they know.
func TestVocabulary(t *testing.T) {
	output := "" // what its section has besides
	load := func(rest string) (*plan, error) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "scribe.yml")
		write(t, path, "output: {servers: [a:1]"+output+"}\nfiles: [{paths: [/x]"+rest)
		return newPlanner(settings{config: path}, t.TempDir(), slog.New(slog.DiscardHandler)).load()
	}
	accepted := func(rest string) {
		t.Helper()
		if _, err := load(rest); err != nil {
			t.Errorf("%s: %v", rest, err)
		}
	}
	accepted(fmt.Sprintf(", multiline: [%s]}]", strings.Join(frame.Languages(), ", ")))
	accepted(fmt.Sprintf(", rules: [{mask: [%s]}]}]", strings.Join(rules.Masks(), ", ")))
	accepted(fmt.Sprintf("}]\nhost_facts: [%s]", strings.Join(facts.Names(), ", ")))
	accepted("}]\nhost_facts: true")
	for _, format := range []string{frame.FormatDocker, frame.FormatCRI, frame.FormatContainer, "json", "logfmt"} {
		accepted(", format: " + format + "}]")
	}
	for _, mode := range []ship.Mode{ship.ModeFailover, ship.ModeBalance, ship.ModeRandom} {
		output = ", mode: " + string(mode)
		accepted("}]")
	}
	for _, protocol := range []ship.Protocol{ship.ProtocolAuto, ship.ProtocolV2, ship.ProtocolV1} {
		output = ", protocol: " + string(protocol)
		accepted("}]")
	}
	output = ""
	accepted("}]\nlimits: {bandwidth: 1MB/s}")
	accepted(fmt.Sprintf(", max_line: %d}]", record.MaxValue))
	if _, err := load(fmt.Sprintf(", max_line: %d}]", record.MaxValue+1)); err == nil {
		t.Error("a line longer than the limit of records is accepted")
	}
	text, err := config.ForwarderSchema()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range slices.Concat(frame.Languages(), rules.Masks(), facts.Names()) {
		if !strings.Contains(string(text), `"`+word+`"`) {
			t.Errorf("the schema does not know %q", word)
		}
	}
}

func TestPlan(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "scribe.yml")
	write(t, path, `host: web-01
fields: {env: prod, type: any}
output: {servers: [a:1, b:2], mode: balance, protocol: v2, rebalance: 1m, tls: {name: logs}}
limits: {memory: 32MiB, bandwidth: 1MiB}
files: [{paths: [/x, "-"], fields: {type: app}, ignore_older: 0, priority: 4}]
spool: {dir: queue}
`)
	p, err := newPlanner(settings{config: path, bandwidth: 5000, host: "flag"}, "/state", slog.New(slog.DiscardHandler)).load()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(p.host, p.ship.Servers, p.ship.Mode, p.ship.Protocol, p.ship.Rebalance, p.ship.Bandwidth, p.ship.QueueBytes, p.tailBytes,
		p.ship.TLS.ServerName, p.files[0].Paths, p.files[0].Fields, p.files[0].Priority, p.stdin[0].Paths, p.spool, p.spoolPriority, p.files[0].DeadTime > 1<<60)
	want := "flag [a:1 b:2] balance v2 1m0s 5000 4194304 3355443 logs [/x] [{env prod} {type app}] 4 [-] /state/queue 4 true\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	for _, c := range []struct{ memory, queue, want int64 }{
		{0, 0, usualQueueBytes}, {0, 1 << 30, 1 << 30}, {32 << 20, 0, 4 << 20}, {32 << 20, 1 << 30, 8 << 20}, {32 << 20, 2 << 20, 2 << 20},
	} {
		if _, got := budgets(c.memory, c.queue); got != c.want {
			t.Errorf("memory %d, queue %d: %d", c.memory, c.queue, got)
		}
	}
	write(t, path, "stdin: true\n")
	if _, err := newPlanner(settings{config: path}, "/state", slog.New(slog.DiscardHandler)).load(); err == nil || !strings.Contains(err.Error(), "named twice") {
		t.Errorf("the standard input is named twice: %v", err)
	}
}

func TestSchemaCommand(t *testing.T) {
	code, out := once(t, "schema")
	file, err := os.ReadFile("../../packaging/scribe.schema.json")
	if code != 0 || err != nil || out != string(file) {
		t.Errorf("exit code %d, %v, %d bytes", code, err, len(out))
	}
	if code, _ := once(t, "schema", "x"); code != cli.ExitUsage {
		t.Errorf("exit code %d", code)
	}
}
