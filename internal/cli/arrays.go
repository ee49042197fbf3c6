package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// shownArray spells the arrays that facets and patterns answer as people read them.
func shownArray(f RowField) (string, bool) {
	if len(f.Value) == 0 || f.Value[0] != '[' {
		return "", false
	}
	if f.Name == "trend" {
		return sparkline(f.Value)
	}
	if f.Name == "values" && string(f.Value) == "[]" {
		return "", true // a pattern without slots
	}
	if text, ok := slotValues(f.Value); ok {
		return text, true
	}
	return countedValues(f.Value)
}

// countedValues spells values with their counts.
func countedValues(value []byte) (string, bool) {
	if !bytes.HasPrefix(value, []byte(`[{"value":`)) {
		return "", false
	}
	var list []struct {
		Value json.RawMessage `json:"value"`
		Count *int64          `json:"count"`
	}
	if json.Unmarshal(value, &list) != nil {
		return "", false
	}
	var parts []string
	for _, v := range list {
		if v.Count == nil {
			return "", false
		}
		parts = append(parts, fmt.Sprintf("%s (%d)", shorten(valueText(v.Value), 40), *v.Count))
	}
	return strings.Join(parts, ", "), true
}

// slotValues spells the commonest values of a pattern's slots; dots stand where there
// are more.
func slotValues(value []byte) (string, bool) {
	if !bytes.HasPrefix(value, []byte(`[{"slot":`)) {
		return "", false
	}
	var slots []struct {
		Slot     int   `json:"slot"`
		Distinct int64 `json:"distinct"`
		Top      []struct {
			Value json.RawMessage `json:"value"`
		} `json:"top"`
	}
	if json.Unmarshal(value, &slots) != nil {
		return "", false
	}
	const shown = 3
	var parts []string
	for _, s := range slots {
		var values []string
		for _, v := range s.Top[:min(len(s.Top), shown)] {
			values = append(values, shorten(valueText(v.Value), 24))
		}
		if s.Distinct > int64(len(values)) {
			values = append(values, "…")
		}
		parts = append(parts, fmt.Sprintf("<%d> %s", s.Slot, strings.Join(values, ", ")))
	}
	return strings.Join(parts, " "), true
}

// sparks are the heights of a sparkline's columns; what is 0 has none.
var sparks = []rune("▁▂▃▄▅▆▇█")

// sparkline draws an array of counts, the highest at full height.
func sparkline(value []byte) (string, bool) {
	var counts []int64
	if json.Unmarshal(value, &counts) != nil || len(counts) == 0 || slices.Min(counts) < 0 {
		return "", false
	}
	most := float64(max(slices.Max(counts), 1))
	line := make([]rune, len(counts))
	for i, n := range counts {
		if line[i] = ' '; n > 0 {
			line[i] = sparks[min(int(float64(n)/most*float64(len(sparks))), len(sparks)-1)]
		}
	}
	return string(line), true
}
