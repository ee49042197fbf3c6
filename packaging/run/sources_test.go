package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestSomethingToRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if somethingToRead(filepath.Join(dir, "none")) || somethingToRead(dir) {
		t.Error("nothing is there")
	}
	write("empty.log", "", 0o600)
	write("lastlog", "binary", 0o600)
	if somethingToRead(dir) {
		t.Error("an empty log and another file are not worth reading")
	}
	write("deep/below/app.log", "x\n", 0o600)
	if !somethingToRead(dir) {
		t.Error("a log in a folder below is not found")
	}
}

func TestWriteConfig(t *testing.T) {
	d := demo{dir: t.TempDir(), lumberjack: "127.0.0.1:5043", paths: []string{"/var/log/*.log", "/with \"quotes\""}}
	if err := d.writeConfig(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(d.path("scribe.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Network struct {
			Servers []string
			CA      string `json:"ssl ca"`
		}
		Files []struct{ Paths []string }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Network.Servers[0] != d.lumberjack || got.Network.CA != d.path("ca.crt") || got.Files[0].Paths[1] != d.paths[1] {
		t.Errorf("configuration %s", text)
	}
}
