package elastic

import (
	"strings"

	"journalist/internal/ingest"
	"journalist/internal/record"
)

// datasetOf turns an index name into a dataset: without the date or the counter
// that Elasticsearch needs at its end because its indices cannot forget, and in
// lower case. "logs-2026.01.31", "logs-2026.01", "logs-2026-01-31",
// "logs_20260131", "logs-2026.w05", "logs-000001" and "<logs-{now/d}-000001>" are
// all "logs". A data stream's name stays as it is.
func datasetOf(index string) (string, error) {
	if index == "" {
		return record.DefaultDataset, nil
	}
	name := index
	if strings.HasPrefix(name, "<") && strings.HasSuffix(name, ">") {
		name = dropDateMath(name[1 : len(name)-1])
	}
	name = dropSuffix(name, "NNNNNN")
	for _, form := range [...]string{"NNNN.NN.NN", "NNNN-NN-NN", "NNNN_NN_NN", "NNNNNNNN", "NNNN.NN", "NNNN-NN", "NNNN.wNN", "NNNN-wNN"} {
		if cut := dropSuffix(name, form); cut != name {
			name = cut
			break
		}
	}
	name = strings.ToLower(name)
	return name, ingest.CheckDataset(name)
}

// dropSuffix cuts a separator and a text of this form (N is a digit) off the end,
// unless nothing would be left.
func dropSuffix(name, form string) string {
	cut := len(name) - len(form) - 1
	if cut < 1 || !strings.ContainsRune("-_.", rune(name[cut])) {
		return name
	}
	for i := range len(form) {
		c := name[cut+1+i]
		if form[i] == 'N' && (c < '0' || c > '9') || form[i] != 'N' && c != form[i] {
			return name
		}
	}
	if strings.HasPrefix(form, "NNNN") && len(form) != 6 && !plausibleYear(name[cut+1:]) {
		return name
	}
	return name[:cut]
}

// plausibleYear keeps names that end in other numbers from being cut.
func plausibleYear(date string) bool {
	return strings.HasPrefix(date, "19") || strings.HasPrefix(date, "20")
}

// dropDateMath removes "{now/d}" and the separator before it.
func dropDateMath(name string) string {
	for {
		open := strings.IndexByte(name, '{')
		if open < 0 {
			return name
		}
		// The expression may hold a format in braces of its own.
		depth, end := 0, -1
		for i := open; i < len(name) && end < 0; i++ {
			switch name[i] {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					end = i
				}
			}
		}
		if end < 0 {
			return name
		}
		name = strings.TrimRight(name[:open], "-_.") + name[end+1:]
	}
}
