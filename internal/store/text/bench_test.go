package text

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"testing"
	"time"

	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// groupRows is the number of rows of a row group.
const groupRows = 64 << 10

// BenchmarkCorpus encodes and decodes the files of the directory JOURNALIST_CORPUS:
// *.log as lines, *.json as the fields of their objects, of which arrays and what is
// not text stay as they are written. Bytes are those of the streams and their table,
// without times and filters; MB/s are of processor time.
//
//	JOURNALIST_CORPUS=dir go test -run xxx -bench Corpus -benchtime 1x ./internal/store/text
func BenchmarkCorpus(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(os.Getenv("JOURNALIST_CORPUS"), "*.*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		b.Run(filepath.Base(file), func(b *testing.B) {
			benchmarkFile(b, file)
		})
	}
}

// cpuTime is what the process has used of the processors: other load does not count.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkFile(b *testing.B, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	groups := lineGroups(data)
	if filepath.Ext(file) == ".json" {
		groups = fieldGroups(b, data)
	}
	var raw, size, nodes, forms int
	for _, group := range groups {
		for _, v := range group {
			raw += v.Size() + v.Len()
		}
	}
	if filepath.Ext(file) != ".json" {
		raw = len(data)
	}
	var encode, decode time.Duration
	for b.Loop() {
		size, nodes, forms = 0, 0, 0
		for _, group := range groups {
			start := cpuTime()
			m := stream.NewMemory()
			ids := make([]stream.ID, len(group))
			for i, v := range group {
				ids[i] = Encode(m.Writer, v, Options{})
			}
			src, n := m.Source()
			encode += cpuTime() - start
			size += n
			var opened []*Node
			start = cpuTime()
			for i, id := range ids {
				node, err := Open(src, id, group[i].Len())
				if err != nil {
					b.Fatal(err)
				}
				v, err := node.Texts(src)
				if err != nil || v.Size() != group[i].Size() || !bytes.Equal(v.At(v.Len()/2), group[i].At(v.Len()/2)) {
					b.Fatalf("decoded %d bytes of %d, error %v", v.Size(), group[i].Size(), err)
				}
				opened = append(opened, node)
			}
			decode += cpuTime() - start
			for _, node := range opened {
				node.Walk(func(_ int, n *Node) {
					nodes++
					if n.Kind() == Template {
						forms += len(n.Templates())
					}
				})
			}
		}
	}
	b.ReportMetric(float64(raw)/1e6, "rawMB")
	b.ReportMetric(float64(size)/1e3, "kB")
	b.ReportMetric(float64(raw)*float64(b.N)/1e6/encode.Seconds(), "encMB/s")
	b.ReportMetric(float64(raw)*float64(b.N)/1e6/decode.Seconds(), "decMB/s")
	b.ReportMetric(float64(nodes), "nodes")
	b.ReportMetric(float64(forms), "templates")
	b.ReportMetric(0, "ns/op")
}

func lineGroups(data []byte) [][]texts.Vector {
	var groups [][]texts.Vector
	var v texts.Vector
	v.Reset()
	for line := range bytes.Lines(data) {
		v.Add(bytes.TrimSuffix(line, []byte("\n")))
		if v.Len() == groupRows || v.Size() > MaxSize/2 {
			groups = append(groups, []texts.Vector{v})
			v = texts.Vector{}
			v.Reset()
		}
	}
	if v.Len() > 0 {
		groups = append(groups, []texts.Vector{v})
	}
	return groups
}

// fieldGroups returns for each group of objects the vectors of their fields.
func fieldGroups(b *testing.B, data []byte) [][]texts.Vector {
	var groups [][]texts.Vector
	fields := map[string]*texts.Vector{}
	rows, size := 0, 0
	finish := func() {
		names := make([]string, 0, len(fields))
		for name := range fields {
			names = append(names, name)
		}
		sort.Strings(names)
		var group []texts.Vector
		for _, name := range names {
			group = append(group, *fields[name])
		}
		groups = append(groups, group)
		fields, rows, size = map[string]*texts.Vector{}, 0, 0
	}
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(in.Bytes(), &object); err != nil {
			continue // the file's last line may be cut off
		}
		addFields(b, fields, "", object)
		size += len(in.Bytes())
		if rows++; rows == groupRows || size > MaxSize/2 {
			finish()
		}
	}
	if rows > 0 {
		finish()
	}
	return groups
}

func addFields(b *testing.B, fields map[string]*texts.Vector, prefix string, object map[string]json.RawMessage) {
	for name, raw := range object {
		value := []byte(raw)
		switch value[0] {
		case '{':
			var inner map[string]json.RawMessage
			if err := json.Unmarshal(raw, &inner); err != nil {
				b.Fatal(err)
			}
			addFields(b, fields, prefix+name+".", inner)
			continue
		case '"':
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				b.Fatal(err)
			}
			value = []byte(s)
		}
		v := fields[prefix+name]
		if v == nil {
			v = &texts.Vector{}
			v.Reset()
			fields[prefix+name] = v
		}
		v.Add(value)
	}
}

// BenchmarkTake takes rows out of a group of lines.
func BenchmarkTake(b *testing.B) {
	v := logLines(1, groupRows)
	n, src := encoded(b, v, Options{})
	for _, count := range []int{1, 100, 10000} {
		rows := make([]uint32, count)
		for i := range rows {
			rows[i] = uint32(i * (v.Len() / count))
		}
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			for b.Loop() {
				if _, err := n.Take(src, rows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
