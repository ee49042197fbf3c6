package template

import (
	"fmt"
	"path/filepath"
	"testing"

	"journalist/internal/store/texts"
)

// sample is what is measured where no JOURNALIST_CORPUS is given.
func sample() texts.Vector {
	var v texts.Vector
	for i := range 20000 {
		switch i % 3 {
		case 0:
			v.Add(fmt.Appendf(nil, "Mar 27 13:%02d:%02d ip-10-77-20-248 sshd[%d]: Failed password for user%c from 58.218.%d.%d port %d ssh2", i/60%60, i%60, i, 'a'+i%26, i%256, i/256, i))
		case 1:
			v.Add(fmt.Appendf(nil, "Mar 27 13:%02d:%02d ip-10-77-20-248 kernel: eth%d link up, duration %d.%03d ms", i/60%60, i%60, i%4, i%10, i%1000))
		default:
			v.Add(fmt.Appendf(nil, "Mar 27 13:%02d:%02d ip-10-77-20-248 systemd: Started Session %d of user %s.", i/60%60, i%60, i, fmt.Sprint("u", 'a'+i%7)))
		}
	}
	return v
}

func benchmark(b *testing.B, f func(m *Miner, v texts.Vector) (templates, columns int)) {
	run := func(name string, vs []texts.Vector) {
		b.Run(name, func(b *testing.B) {
			var m Miner
			var size int64
			for _, v := range vs {
				size += int64(v.Size())
			}
			b.SetBytes(size)
			b.ReportAllocs()
			templates, columns := 0, 0
			for b.Loop() {
				templates, columns = 0, 0
				for _, v := range vs {
					t, c := f(&m, v)
					templates += t
					columns += c
				}
			}
			b.ReportMetric(float64(templates), "templates")
			b.ReportMetric(float64(columns), "columns")
		})
	}
	files := corpus(b)
	if files == nil {
		run("sample", []texts.Vector{sample()})
	}
	for _, path := range files {
		vs := vectors(b, path, 64<<10)
		run(filepath.Base(path), vs[:min(len(vs), 4)])
	}
}

// BenchmarkMine takes vectors of 64k lines apart. JOURNALIST_CORPUS names a folder
// of log files to do it with.
func BenchmarkMine(b *testing.B) {
	benchmark(b, func(m *Miner, v texts.Vector) (templates, columns int) {
		if s := m.Mine(v, Options{}); s != nil {
			return len(s.Templates), len(s.Columns)
		}
		return 0, 0
	})
}

// BenchmarkScan is the tokenizer alone.
func BenchmarkScan(b *testing.B) {
	benchmark(b, func(m *Miner, v texts.Vector) (templates, columns int) {
		m.token = tokens
		for i := range v.Len() {
			m.slots = m.slots[:0]
			m.scan(v.Data, int(v.Offsets[i]), int(v.Offsets[i+1]))
		}
		return 0, 0
	})
}

func BenchmarkTexts(b *testing.B) {
	sets := map[*uint32]*Set{}
	benchmark(b, func(m *Miner, v texts.Vector) (templates, columns int) {
		s, ok := sets[&v.Offsets[0]]
		if !ok {
			s = m.Mine(v, Options{})
			sets[&v.Offsets[0]] = s
		}
		if s != nil {
			s.Texts()
		}
		return 0, 0
	})
}
