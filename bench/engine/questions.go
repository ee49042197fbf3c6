package main

import "slices"

// question is one question in both languages.
type question struct {
	name        string
	ours, rival string
	// needs names the set without whose rows the question means nothing; without
	// the set it is left out.
	needs string
	// check is the rival's wording whose answer must equal ours; "" is rival
	// itself. It is another where the timed wordings mean different things: a
	// plain word of ours matches in any case, one of the rival's does not.
	check string
	// by tells how answers are compared.
	by comparison
}

type comparison int

const (
	byNumbers  comparison = iota // the column n of all rows, in order
	byEstimate                   // the same within 2 %
	byTimes                      // the times of all rows, in order
	byRows                       // as many rows
	byNothing                    // not at all: the stores mean different things
)

// questions are what a person who investigates asks: counts of words, phrases and
// patterns, common, rare and absent ones; counts by time and by field; the last
// lines. The stores find the words in the sets auth, nginx, otrf (Windows events)
// and zeek; others are searched through as well.
var questions = []question{
	{name: "count_all", ours: `* | stats count() as n`, rival: `* | count() n`},
	{name: "word_common", ours: `message:Failed | stats count() as n`, rival: `Failed | count() n`, check: `i(Failed) | count() n`},
	{name: "word_common_ci", ours: `message:failed | stats count() as n`, rival: `i(failed) | count() n`},
	{name: "word_rare", ours: `message:ttyS0 | stats count() as n`, rival: `ttyS0 | count() n`, check: `i(ttyS0) | count() n`},
	{name: "needle_absent", ours: `message:zzqqxxabsent | stats count() as n`, rival: `zzqqxxabsent | count() n`},
	{name: "ip_exact", ours: `message:"104.244.78.62" | stats count() as n`, rival: `"104.244.78.62" | count() n`},
	{name: "phrase", ours: `message:"authentication failure" | stats count() as n`, rival: `"authentication failure" | count() n`, check: `i("authentication failure") | count() n`},
	{name: "substring", ours: `message:*uthent* | stats count() as n`, rival: `~"uthent" | count() n`, check: `~"(?i)uthent" | count() n`},
	{name: "substring_ci", ours: `message:*uthent* | stats count() as n`, rival: `~"(?i)uthent" | count() n`},
	{name: "substring_absent", ours: `message:*qqzzabsen* | stats count() as n`, rival: `~"qqzzabsen" | count() n`},
	{name: "regex", ours: `message:/port [0-9]+ ssh2/ | stats count() as n`, rival: `~"port [0-9]+ ssh2" | count() n`},
	{name: "regex_ci", ours: `message:/invalid user [a-z]+[0-9]/i | stats count() as n`, rival: `~"(?i)invalid user [a-z]+[0-9]" | count() n`},
	{name: "and_not", needs: "auth", ours: `app=auth message:Failed -message:root | stats count() as n`, rival: `app:auth Failed !root | count() n`, check: `app:auth i(Failed) !i(root) | count() n`},
	{name: "by_minute", ours: `* | stats count() as n by time(1h) | sort time`, rival: `* | stats by (_time:1h) count() n | sort by (_time)`},
	{name: "by_app", ours: `* | stats count() as n by app | sort app`, rival: `* | stats by (app) count() n | sort by (app)`},
	{name: "word_by_time", ours: `message:error | stats count() as n by time(1h) | sort time`, rival: `error | stats by (_time:1h) count() n | sort by (_time)`, check: `i(error) | stats by (_time:1h) count() n | sort by (_time)`},
	{name: "json_field_eq", needs: "otrf", ours: `EventID=10 | stats count() as n`, rival: `EventID:=10 | count() n`},
	{name: "json_top", needs: "otrf", ours: `app=otrf | stats count() as n by EventID | sort -n, EventID | limit 10`, rival: `app:otrf | stats by (EventID) count() n | sort by (n desc, EventID) | limit 10`},
	{name: "json_range", needs: "zeek", ours: `id.orig_p>1000 | stats count() as n`, rival: `"id.orig_p":>1000 | count() n`},
	{name: "uniq_hi", needs: "zeek", by: byEstimate, ours: `app=zeek | stats count_uniq(uid) as n`, rival: `app:zeek | count_uniq(uid) n`},
	{name: "quantile", needs: "zeek", by: byEstimate, ours: `app=zeek | stats p95(rtt) as n`, rival: `app:zeek | stats quantile(0.95, rtt) n`},
	{name: "last_100", by: byTimes, ours: `* | fields @timestamp | limit 100`, rival: `* | sort by (_time desc) limit 100 | fields _time`},
	{name: "last_100_word", by: byTimes, ours: `message:Failed | fields @timestamp | limit 100`, rival: `Failed | sort by (_time desc) limit 100 | fields _time`, check: `i(Failed) | sort by (_time desc) limit 100 | fields _time`},
	{name: "top_msg_words", needs: "nginx", ours: `app=nginx | extract "] \"<method> <path> " from message | stats count() as n by method | sort -n | limit 5`, rival: `app:nginx | extract "] \"<method> <path> " from _msg | stats by (method) count() n | sort by (n desc) | limit 5`},
}

// furtherQuestions are asked of the corpus together with the made set: fields of
// millions of values, the text as a whole, explorations, and how soon the first row
// comes. The questions about the newest rows find theirs in the newest hour.
var furtherQuestions = []question{
	{name: "uniq_millions", by: byEstimate, ours: `app=orders | stats count_uniq(id) as n`, rival: `app:orders | count_uniq(id) n`},
	{name: "by_millions", ours: `app=orders | stats count() as n by id | sort -n | limit 10`, rival: `app:orders | stats by (id) count() n | sort by (n desc) | limit 10`},
	{name: "by_thousands", ours: `app=orders | stats count() as n by customer | sort -n, customer | limit 10`, rival: `app:orders | stats by (customer) count() n | sort by (n desc, customer) | limit 10`},
	{name: "top_text", ours: `* | stats count() as n by message | sort -n | limit 10`, rival: `* | stats by (_msg) count() n | sort by (n desc) | limit 10`},
	{name: "p99_by_host_time", by: byRows, ours: `app=orders | stats p99(took) as n by host, time(1h) | sort time, host`, rival: `app:orders | stats by (host, _time:1h) quantile(0.99, took) n | sort by (_time, host)`},
	{name: "extract_count", ours: `app=orders | extract "GET <path> gave <status> in" | stats count() as n by path | sort -n, path | limit 5`, rival: `app:orders | extract "GET <path> gave <status> in" from _msg | stats by (path) count() n | sort by (n desc, path) | limit 5`},
	{name: "patterns", by: byNothing, ours: `* | patterns 50`, rival: `* | collapse_nums | top 50 by (_msg)`},
	{name: "patterns_word", by: byNothing, ours: `message:refused | patterns 50`, rival: `i(refused) | collapse_nums | top 50 by (_msg)`},
	{name: "facets_million", by: byNothing, ours: `app=orders _time:[2026-11-01T00:00 TO 2026-11-01T05:33:19] | facets`, rival: `app:orders _time:[2026-11-01T00:00:00Z,2026-11-01T05:33:20Z) | facets`},
	{name: "context_old", by: byTimes, ours: `message:` + firstNeedle + ` | context 10 by host, app`, rival: firstNeedle + ` | stream_context before 10 after 10`},
	{name: "first_oldest", by: byTimes, ours: `message:` + firstNeedle + ` | limit 1`, rival: firstNeedle + ` | limit 1`},
	{name: "first_word", by: byTimes, ours: `message:refused | limit 1`, rival: `i(refused) | sort by (_time desc) limit 1`},
	{name: "first_part", by: byTimes, ours: `message:*pstrea* | limit 1`, rival: `~"pstrea" | sort by (_time desc) limit 1`},
	{name: "first_regex", by: byTimes, ours: `message:/gave 503 in \d+ ms/ | limit 1`, rival: `~"gave 503 in \\d+ ms" | sort by (_time desc) limit 1`},
	{name: "first_number", by: byTimes, ours: `took>300 | limit 1`, rival: `took:>300 | sort by (_time desc) limit 1`},
	{name: "first_not", by: byTimes, ours: `app=orders -status=200 | limit 1`, rival: `app:orders !status:=200 | sort by (_time desc) limit 1`},
}

// allQuestions are those of both kinds.
func allQuestions() []question { return slices.Concat(questions, furtherQuestions) }
