package api

import (
	"cmp"
	"net/url"
	"strconv"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

const (
	// HostsPipes stands behind a query that asks for hosts: the first and the last
	// record of each and how many there are, the most silent first. The command hosts
	// asks so, too, because it also answers from files.
	HostsPipes = "stats min(@timestamp) as first, max(@timestamp) as last, count() as count by host | sort last, host"

	defaultHosts = 1000
	// hostsSpan is how far hosts look back when no time is given.
	hostsSpan = "now-24h"
	// defaultSilence and silentIntervals are how long a host says nothing, by the clock
	// and by the time that usually passes between its records, before it is called
	// silent.
	defaultSilence  = 15 * time.Minute
	silentIntervals = 3
)

// UsualInterval is the mean time between so many records of a host, of which the last
// came so long after the first. Of a single one it is not known.
func UsualInterval(span time.Duration, records int64) (d time.Duration, known bool) {
	if records < 2 {
		return 0, false
	}
	return span / time.Duration(records-1), true
}

// Silence is how long a host with this usual interval, 0 if that is not known, may say
// nothing before it is called silent.
func Silence(interval time.Duration) time.Duration {
	return max(defaultSilence, silentIntervals*interval)
}

// hostsPipes: who sent when last, the most silent first.
func hostsPipes(v url.Values) (string, error) {
	limit, err := number(v, "limit", defaultHosts, maxListed)
	if err != nil {
		return "", err
	}
	return HostsPipes + " | limit " + strconv.Itoa(limit), nil
}

// hostsSeen adds to each host how many seconds usually pass between its records, how
// many ago its last one was, and whether that is long. A time that was asked for and
// ends in the past is looked at from its end.
func hostsSeen(s *Server, v url.Values, req lang.Request) (func(*scan.Block) *scan.Block, error) {
	var silence time.Duration
	if v.Has("silent") {
		var err error
		if silence, err = lang.ParseSpan(v.Get("silent")); err != nil {
			return nil, badRequest("silent: "+err.Error(), "as in silent=15m")
		}
	}
	at := min(s.o.Clock().UnixNano(), req.To)
	return func(b *scan.Block) *scan.Block {
		n := b.Len()
		figures := func(name string) scan.Column {
			return scan.Column{Name: name, Form: scan.Dict, Len: n, Values: make([]record.Value, n), Codes: make([]uint32, n)}
		}
		usual, lag := figures("interval"), figures("lag")
		silent := scan.Column{Name: "silent", Form: scan.Dict, Len: n, Values: []record.Value{record.BoolValue(false), record.BoolValue(true)}, Codes: make([]uint32, n)}
		columns := map[string]*scan.Column{}
		for c := range b.Columns {
			columns[b.Columns[c].Name] = &b.Columns[c]
		}
		number := func(name string, i int) int64 {
			if c := columns[name]; c != nil {
				return c.Value(i).Int
			}
			return 0
		}
		for i := range n {
			last := number("last", i)
			ago := time.Duration(at - last)
			interval, known := UsualInterval(time.Duration(last-number("first", i)), number("count", i))
			usual.Values[i], usual.Codes[i] = record.Value{Kind: record.Null}, uint32(i)
			if known {
				usual.Values[i] = seconds(interval)
			}
			lag.Values[i], lag.Codes[i] = seconds(ago), uint32(i)
			if ago > cmp.Or(silence, Silence(interval)) {
				silent.Codes[i] = 1
			}
		}
		out := *b
		out.Columns = append(append([]scan.Column(nil), b.Columns...), usual, lag, silent)
		return &out
	}, nil
}

// seconds is a span as the answer has it.
func seconds(d time.Duration) record.Value {
	return record.Value{Kind: record.Number, Bytes: strconv.AppendFloat(nil, d.Round(time.Millisecond).Seconds(), 'f', -1, 64)}
}
