package problem

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDocument(t *testing.T) {
	d := Document{Status: 400, Kind: "query", Detail: "a \"(\" is\nopen", Hint: "close it", HasPlace: true}
	const want = `{"type":"tag:journalist,2026:query","title":"the query cannot be understood","status":400,` +
		`"detail":"a \"(\" is\nopen","kind":"query","hint":"close it","position":0}`
	if got := string(d.Append(nil)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	d = Document{Status: 500, Kind: "internal", Detail: "x", Position: 7}
	var members map[string]any
	if err := json.Unmarshal(d.Append(nil), &members); err != nil || len(members) != 5 || members["hint"] != nil || members["position"] != nil {
		t.Errorf("%v %v", members, err)
	}
}

// Every kind has a title, and every title a kind.
func TestKinds(t *testing.T) {
	for _, k := range Kinds() {
		if titles[k] == "" || strings.TrimSpace(titles[k]) != titles[k] {
			t.Errorf("%s: title %q", k, titles[k])
		}
	}
	if len(Kinds()) != len(titles) {
		t.Errorf("%d kinds, %d titles", len(Kinds()), len(titles))
	}
}
