//go:build unix

package rotate

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/klauspost/compress/gzip"
)

// sideCase is a configuration and a tree that the real logrotate and this package
// rotate, each its own copy.
type sideCase struct {
	name  string
	conf  string // DIR is the tree
	files string // "name mode age size" a line; age in days
	// state are the days since the last rotation of logs; else logs are new.
	state  string // "name days" a line
	rounds int    // 1 by default
	force  bool
	grow   string // the files that get new lines before each round but the first
	fails  bool   // both complain
	warns  bool   // only logrotate complains
}

const oneLog = "app.log 0640 0 300"

var sideCases = []sideCase{
	{name: "the first system's", conf: "DIR/*.log {\n  daily\n  dateext\n  size 100M\n  copytruncate\n  notifempty\n  compress\n  rotate 7\n}\n", files: oneLog + "\nbig.log 0644 0 105000000"},
	{name: "numbers", conf: "DIR/*.log {\nrotate 3\n}\n", files: oneLog + "\nb.log 0600 2 10", rounds: 6, force: true, grow: "app.log b.log"},
	{name: "rotate 0", conf: "DIR/app.log {\nrotate 0\n}\n", files: oneLog, rounds: 2, force: true, grow: "app.log"},
	{name: "rotate 0 with old ones", conf: "DIR/app.log {\nrotate 0\ncreate\n}\n", files: oneLog + "\napp.log.1 0640 1 10\napp.log.2 0640 2 20", force: true},
	{name: "rotate 1", conf: "DIR/app.log {\nrotate 1\ncreate\n}\n", files: oneLog, rounds: 4, force: true, grow: "app.log"},
	{name: "rotate -1", conf: "DIR/app.log {\nrotate -1\ncreate\n}\n", files: oneLog + "\napp.log.4 0644 3 30\napp.log.x 0644 3 30", rounds: 4, force: true, grow: "app.log"},
	{name: "compress", conf: "DIR/app.log {\nrotate 3\ncompress\ncreate\n}\n", files: oneLog, rounds: 5, force: true, grow: "app.log"},
	{name: "delaycompress", conf: "DIR/app.log {\nrotate 3\ncompress\ndelaycompress\ncreate\n}\n", files: oneLog, rounds: 6, force: true, grow: "app.log"},
	{name: "compress after none", conf: "DIR/app.log {\nrotate 3\ncompress\ncreate\n}\n", files: oneLog + "\napp.log.1 0600 1 50\napp.log.2 0600 2 60", rounds: 3, force: true, grow: "app.log"},
	{name: "start 0", conf: "DIR/app.log {\nrotate 3\nstart 0\ncreate\n}\n", files: oneLog, rounds: 5, force: true, grow: "app.log"},
	{name: "start 9 compress", conf: "DIR/app.log {\nrotate 2\nstart 9\ncompress\ncreate 0600\n}\n", files: oneLog, rounds: 4, force: true, grow: "app.log"},
	{name: "create with mode and owner", conf: "DIR/app.log {\nrotate 3\ncreate 0664 daemon adm\n}\n", files: oneLog, rounds: 2, force: true, grow: "app.log"},
	{name: "create with mode", conf: "DIR/app.log {\nrotate 3\ncreate 0604\n}\n", files: oneLog, force: true},
	{name: "create with owner", conf: "DIR/app.log {\nrotate 3\ncreate daemon\n}\n", files: oneLog, force: true},
	{name: "nocreate over create", conf: "create 0600\nDIR/app.log {\nrotate 3\nnocreate\n}\n", files: oneLog, force: true},
	{name: "copytruncate", conf: "DIR/app.log {\nrotate 3\ncopytruncate\n}\n", files: oneLog, rounds: 5, force: true, grow: "app.log"},
	{name: "copytruncate compress", conf: "DIR/app.log {\nrotate 3\ncopytruncate\ncompress\n}\n", files: "app.log 0604 3 9000", rounds: 5, force: true, grow: "app.log"},
	{name: "copytruncate delaycompress", conf: "DIR/app.log {\nrotate 3\ncopytruncate\ncompress\ndelaycompress\n}\n", files: oneLog, rounds: 5, force: true, grow: "app.log"},
	{name: "copytruncate rotate 0", conf: "DIR/app.log {\nrotate 0\ncopytruncate\n}\n", files: oneLog, rounds: 2, force: true, grow: "app.log"},
	{name: "copy", conf: "DIR/app.log {\nrotate 3\ncopy\ncreate 0600\n}\n", files: oneLog, rounds: 4, force: true, grow: "app.log"},
	{name: "renamecopy", conf: "DIR/app.log {\nrotate 3\nrenamecopy\ncreate\n}\n", files: oneLog, rounds: 4, force: true, grow: "app.log"},
	{name: "renamecopy compress", conf: "DIR/app.log {\nrotate 3\nrenamecopy\ncompress\n}\n", files: oneLog, rounds: 4, force: true, grow: "app.log"},
	{name: "dateext", conf: "DIR/app.log {\nrotate 3\ndateext\ncreate\n}\n", files: oneLog + "\napp.log-20250101 0640 300 10\napp.log-20250102 0640 299 10\napp.log-20250103 0640 298 10\napp.log-20250104 0640 297 10", force: true},
	{name: "dateext twice", conf: "DIR/app.log {\nrotate 3\ndateext\ncreate\n}\n", files: oneLog, rounds: 2, force: true, grow: "app.log", fails: true},
	{name: "dateext compress", conf: "DIR/app.log {\nrotate 2\ndateext\ncompress\ncreate\n}\n", files: oneLog + "\napp.log-20250101 0640 300 10\napp.log-20250102.gz 0640 299 10\napp.log-20250103.gz 0640 298 10\napp.log-20250104.gz 0640 297 10", force: true},
	{name: "dateext delaycompress", conf: "DIR/app.log {\nrotate 2\ndateext\ncompress\ndelaycompress\ncreate\n}\n", files: oneLog + "\napp.log-20250101 0640 300 10\napp.log-20250102.gz 0640 299 10\napp.log-20250103 0600 298 10\napp.log-20250104 0640 297 10", force: true},
	{name: "dateformat", conf: "DIR/app.log {\nrotate 2\ndateext\ndateformat .%Y_%m_%d\ncreate\n}\n", files: oneLog + "\napp.log.2025_01_01 0640 300 10\napp.log.2025_01_02 0640 299 10\napp.log.2025_01_02x 0640 299 10\napp.log-20250101 0640 9 10", force: true},
	{name: "dateformat not in order", conf: "DIR/app.log {\nrotate 3\ndateext\ndateformat -%d%m%Y\ncreate\n}\n", files: oneLog + "\napp.log-01022025 0640 300 10\napp.log-02012025 0640 299 10\napp.log-31122024 0640 299 10\napp.log-05032025 0640 9 10", force: true},
	{name: "dateformat hour and week", conf: "DIR/app.log {\nrotate 3\ndateext\ndateformat -%Y%m%d%H-%V%%x\n}\n", files: oneLog, force: true},
	{name: "dateext hourly", conf: "DIR/app.log {\nhourly\nrotate 3\ndateext\n}\n", files: oneLog + "\napp.log-2025010100 0640 300 10\napp.log-20250101 0640 300 10", force: true},
	{name: "dateyesterday", conf: "DIR/app.log {\nrotate 3\ndateext\ndateyesterday\n}\n", files: oneLog, force: true},
	{name: "datehourago", conf: "DIR/app.log {\nhourly\nrotate 3\ndateext\ndatehourago\n}\n", files: oneLog, force: true},
	{name: "dateext maxage", conf: "DIR/app.log {\nrotate 10\ndateext\nmaxage 30\n}\n", files: oneLog + "\napp.log-20250101 0640 300 10\napp.log-20250102 0640 31 10\napp.log-20250103 0640 29 10", force: true},
	{name: "maxage", conf: "DIR/app.log {\nrotate 5\nmaxage 30\ncreate\n}\n", files: oneLog + "\napp.log.1 0640 10 10\napp.log.2 0640 31 10\napp.log.3 0640 29 10\napp.log.5 0640 90 10", rounds: 2, force: true, grow: "app.log"},
	{name: "rotate -1 dateext", conf: "DIR/app.log {\nrotate -1\ndateext\nmaxage 100\n}\n", files: oneLog + "\napp.log-20250101 0640 300 10\napp.log-20250102 0640 31 10", force: true},
	{name: "extension", conf: "DIR/*.log {\nrotate 3\nextension .log\ncompress\ncreate\n}\n", files: oneLog, rounds: 3, force: true, grow: "app.log"},
	{name: "extension dateext", conf: "DIR/app.* {\nrotate 3\nextension .log\ndateext\ncreate\n}\n", files: "app.log 0640 0 20\napp.txt 0600 0 30", force: true},
	{name: "addextension", conf: "DIR/app* {\nrotate 3\naddextension .bak\ncreate\n}\n", files: "app 0640 0 20\napp2.bak 0640 0 30", force: true},
	{name: "olddir", conf: "DIR/app.log {\nrotate 3\nolddir old\ncompress\ncreate\n}\n", files: oneLog + "\nold/ 0755 0 0", rounds: 5, force: true, grow: "app.log"},
	{name: "olddir absolute, made", conf: "DIR/app.log {\nrotate 3\nolddir DIR/a/b\ncreateolddir 0750 daemon adm\ndateext\ncreate\n}\n", files: oneLog, force: true},
	{name: "olddir missing", conf: "DIR/app.log {\nrotate 3\nolddir none\n}\n", files: oneLog, force: true, fails: true},
	{name: "size", conf: "DIR/*.log {\nrotate 3\nsize 1k\ncreate\n}\n", files: "a.log 0640 0 1023\nb.log 0640 0 1024\nc.log 0640 0 1025"},
	{name: "maxsize", conf: "DIR/*.log {\nrotate 3\ndaily\nmaxsize 1k\ncreate\n}\n", files: "a.log 0640 0 1023\nb.log 0640 0 1024\nc.log 0640 0 1025", state: "a.log 0\nb.log 0\nc.log 0"},
	{name: "minsize", conf: "DIR/*.log {\nrotate 3\ndaily\nminsize 1k\ncreate\n}\n", files: "a.log 0640 0 1023\nb.log 0640 0 1024\nc.log 0640 0 1025\nd.log 0640 0 1025", state: "a.log 1\nb.log 1\nc.log 1\nd.log 0"},
	{name: "daily", conf: "DIR/*.log {\nrotate 3\ndaily\n}\n", files: "a.log 0640 0 10\nb.log 0640 0 10\nc.log 0640 0 10", state: "a.log 0\nb.log 1"},
	{name: "weekly", conf: "DIR/*.log {\nrotate 3\nweekly\n}\n", files: "a.log 0640 0 10\nb.log 0640 0 10\nc.log 0640 0 10", state: "a.log 1\nb.log 7\nc.log 6"},
	{name: "weekly today", conf: "DIR/*.log {\nrotate 3\nweekly WEEKDAY\n}\n", files: "a.log 0640 0 10\nb.log 0640 0 10", state: "a.log 1\nb.log 0"},
	{name: "weekly 7", conf: "DIR/*.log {\nrotate 3\nweekly 7\n}\n", files: "a.log 0640 0 10\nb.log 0640 0 10", state: "a.log 6\nb.log 7"},
	{name: "monthly yearly", conf: "DIR/a*.log {\nrotate 3\nmonthly\n}\nDIR/b*.log {\nyearly\nrotate 3\n}\n", files: "a1.log 0640 0 10\na2.log 0640 0 10\nb1.log 0640 0 10\nb2.log 0640 0 10", state: "a1.log 0\na2.log 32\nb1.log 0\nb2.log 367"},
	{name: "in the future", conf: "DIR/a.log {\nrotate 3\nyearly\n}\n", files: "a.log 0640 0 10", state: "a.log -3", warns: true},
	{name: "minage", conf: "DIR/*.log {\nrotate 3\ndaily\nminage 2\n}\n", files: "a.log 0640 1 10\nb.log 0640 3 10", state: "a.log 5\nb.log 5"},
	{name: "notifempty", conf: "notifempty\nDIR/a*.log {\nrotate 3\n}\nDIR/b*.log {\nrotate 3\nifempty\n}\n", files: "a1.log 0640 0 0\na2.log 0640 0 10\nb1.log 0640 0 0", force: true},
	{name: "missing", conf: "DIR/none.log {\nrotate 3\n}\nDIR/app.log {\nrotate 1\n}\n", files: oneLog, force: true, fails: true},
	{name: "missingok", conf: "DIR/none.log DIR/x/*.log DIR/app.log {\nrotate 3\nmissingok\n}\n", files: oneLog, force: true},
	{name: "scripts", conf: "DIR/*.log {\nrotate 2\ncreate\nfirstaction\necho first \"$@\" >> DIR/out\nendscript\nprerotate\necho pre \"$@\" >> DIR/out\nendscript\npostrotate\necho post \"$@\" >> DIR/out\nendscript\nlastaction\necho last \"$@\" >> DIR/out\nendscript\npreremove\necho remove \"$@\" >> DIR/out\nendscript\n}\n", files: "a.log 0640 0 10\nb.log 0640 0 10", rounds: 4, force: true, grow: "a.log"},
	{name: "sharedscripts", conf: "DIR/*.log DIR/x.txt {\nrotate 2\ncompress\ncreate\nmissingok\nsharedscripts\nfirstaction\n\techo first \"$@\" >> DIR/out\nendscript\nprerotate\n\techo pre \"$@\" >> DIR/out\nls DIR >> DIR/out\nendscript\npostrotate\n\techo post \"$@\" >> DIR/out\nls DIR >> DIR/out\nendscript\nlastaction\n\techo last \"$@\" >> DIR/out\nendscript\npreremove\necho remove \"$@\" >> DIR/out\nendscript\n}\n", files: "a.log 0640 0 10\nb.log 0640 0 10", rounds: 4, force: true, grow: "a.log b.log"},
	{name: "sharedscripts and a missing log", conf: "DIR/a.log DIR/none.log {\nrotate 2\nsharedscripts\npostrotate\necho post \"$@\" >> DIR/out\nendscript\n}\n", files: "a.log 0640 0 10\na.log.1 0640 0 20", force: true, fails: true},
	{name: "firstaction fails", conf: "DIR/*.log {\nrotate 2\nfirstaction\nexit 3\nendscript\n}\n", files: oneLog, force: true, fails: true},
	{name: "prerotate fails", conf: "DIR/*.log {\nrotate 2\nprerotate\ncase $1 in *a.log) exit 3;; esac\nendscript\n}\n", files: "a.log 0640 0 10\na.log.1 0640 0 20\nb.log 0640 0 10", force: true, fails: true},
	{name: "postrotate fails", conf: "DIR/*.log {\nrotate 2\ncompress\npostrotate\ncase $1 in *a.log) exit 3;; esac\nendscript\n}\n", files: "a.log 0640 0 10\nb.log 0640 0 10", rounds: 2, force: true, grow: "a.log b.log", fails: true},
	{name: "shared postrotate fails", conf: "DIR/*.log {\nrotate 2\ncompress\nsharedscripts\npostrotate\nexit 1\nendscript\n}\n", files: "a.log 0640 0 10\nb.log 0640 0 10", force: true, fails: true},
	{name: "preremove fails", conf: "DIR/*.log {\nrotate 1\npreremove\nexit 1\nendscript\ncreate\n}\n", files: "a.log 0640 0 10", rounds: 3, force: true, grow: "a.log", fails: true},
	{name: "hard links", conf: "DIR/*.log {\nrotate 2\n}\n", files: "a.log 0640 0 10\nb.log=a.log 0640 0 10\nc.log 0640 0 10", force: true},
	{name: "allowhardlink", conf: "DIR/*.log {\nrotate 2\nallowhardlink\ncopytruncate\n}\n", files: "a.log 0640 0 10\nb.log=a.log 0640 0 10", force: true},
	{name: "symbolic link", conf: "DIR/*.log {\nrotate 2\n}\n", files: "a.txt 0640 0 10\nb.log>a.txt 0640 0 10", force: true},
	{name: "xz", conf: "DIR/app.log {\nrotate 3\ncompress\ncompresscmd xz\nuncompresscmd unxz\ncompressoptions -1 -T 1\ncreate\n}\n", files: oneLog, rounds: 3, force: true, grow: "app.log"},
	{name: "compressext", conf: "DIR/app.log {\nrotate 3\ncompress\ncompresscmd /bin/gzip\ncompressext .packed\ncompressoptions -9\ncreate\n}\n", files: oneLog, rounds: 3, force: true, grow: "app.log"},
	{name: "compresscmd fails", conf: "DIR/app.log {\nrotate 3\ncompress\ncompresscmd /bin/false\ncreate\n}\n", files: oneLog, rounds: 2, force: true, grow: "app.log", fails: true},
	{name: "shred", conf: "DIR/app.log {\nrotate 1\nshred\nshredcycles 1\ncompress\ncreate\n}\n", files: oneLog, rounds: 3, force: true, grow: "app.log"},
	{name: "su", conf: "DIR/u/app.log {\nsu daemon daemon\nrotate 3\ncompress\ncreate 0600\n}\n", files: "u/@1 0755 0 0\nu/app.log@1 0640 0 100", rounds: 3, force: true, grow: "u/app.log"},
	{name: "writable folder", conf: "DIR/u/app.log {\nrotate 3\n}\n", files: "u/ 0777 0 0\nu/app.log 0640 0 100", force: true, fails: true},
	{name: "duplicates", conf: "DIR/app.log {\nrotate 3\n}\nDIR/*.log {\nrotate 5\n}\n", files: oneLog, force: true, fails: true},
	{name: "ignoreduplicates", conf: "ignoreduplicates\nDIR/app.log {\nrotate 3\n}\nDIR/*.log {\nrotate 0\n}\n", files: oneLog + "\nb.log 0640 0 10", force: true},
	{name: "in the way", conf: "DIR/app.log {\nrotate 3\ncompress\ncopytruncate\n}\n", files: oneLog + "\napp.log.1 0640 2 17", force: true, warns: true},
	{name: "everything matches", conf: "DIR/* {\nrotate 2\ncreate\nnotifempty\n}\n", files: "a 0640 0 10", rounds: 3, force: true, grow: "a"},
	{name: "quotes and comments", conf: "# comment\n  \"DIR/a b.log\" 'DIR/c.log'\n# another\nDIR/d\\ e.log {\n  rotate = 3\n\tcreate\n # and one\n}\n", files: "c.log 0640 0 10\nf.log 0640 0 10", force: true, fails: true},
	{name: "include", conf: "rotate 2\ncompress\ninclude DIR/conf.d\nDIR/app.log {\n}\n", files: oneLog + "\nb.log 0640 0 10\nc.log 0640 0 20\nconf.d/ 0755 0 0\nconf.d/b:DIR/b.log {\nnocompress\n} 0644 0 0\nconf.d/c.rpmsave:DIR/c.log {\n} 0644 0 0", force: true},
}

// TestLikeLogrotate lets the real logrotate and this package rotate the same
// trees and compares what is there then.
func TestLikeLogrotate(t *testing.T) {
	for _, c := range sideCases {
		t.Run(c.name, func(t *testing.T) {
			for range 3 {
				start := time.Now()
				diff := sideBySide(t, c)
				if start.Truncate(time.Hour) != time.Now().Truncate(time.Hour) {
					continue // they may have seen different hours
				}
				if diff != "" {
					t.Fatal(diff)
				}
				return
			}
			t.Fatal("each time the hour ended meanwhile")
		})
	}
}

func sideBySide(t *testing.T, c sideCase) string {
	theirs, ours := makeTree(t, c), makeTree(t, c)
	for round := range max(1, c.rounds) {
		if round > 0 {
			for name := range strings.FieldsSeq(c.grow) {
				for _, tr := range []*tree{theirs, ours} {
					f, err := os.OpenFile(filepath.Join(tr.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = fmt.Fprintf(f, "round %d\n", round)
					_ = f.Close()
				}
			}
		}
		said, failed := theirs.logrotate(t, c.force)
		log, problems := ours.rotate(t, c.force)
		if a, b := theirs.list(t), ours.list(t); a != b {
			return fmt.Sprintf("round %d: logrotate made\n%s\nand we\n%s\nlogrotate said: %s\nwe: %s", round, a, b, said, log)
		}
		if round == max(1, c.rounds)-1 {
			if failed != c.fails && !c.warns {
				return fmt.Sprintf("logrotate failed: %v, want %v: %s", failed, c.fails, said)
			}
			if problems != c.fails {
				return fmt.Sprintf("we failed: %v, want %v: %s", problems, c.fails, log)
			}
		}
	}
	return ""
}

// tree is a folder with logs, its configuration and state beside it.
type tree struct{ dir, conf, state string }

func makeTree(t *testing.T, c sideCase) *tree {
	base := t.TempDir()
	tr := &tree{filepath.Join(base, "logs"), filepath.Join(base, "conf"), filepath.Join(base, "state")}
	for _, d := range []string{filepath.Dir(base), base} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(tr.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var entries []string
	for line := range strings.Lines(c.files) { // the text of a file may have lines itself
		line = strings.TrimSuffix(line, "\n")
		if n := len(entries); n > 0 && strings.Contains(entries[n-1], ":") && len(strings.Fields(entries[n-1])) < 4+strings.Count(entries[n-1], "{") && !strings.HasSuffix(entries[n-1], " 0 0") {
			entries[n-1] += "\n" + line
			continue
		}
		entries = append(entries, line)
	}
	for _, e := range entries {
		tr.make(t, e)
	}
	weekday := fmt.Sprint(int(time.Now().Weekday()))
	write(t, tr.conf, strings.NewReplacer("DIR", tr.dir, "WEEKDAY", weekday).Replace(c.conf), 0o644)
	text := "logrotate state -- version 2\n"
	for line := range strings.Lines(c.state) {
		var name string
		var days int
		if _, err := fmt.Sscanf(line, "%s %d", &name, &days); err != nil {
			t.Fatal(err)
		}
		d := time.Now().AddDate(0, 0, -days)
		text += fmt.Sprintf("%q %s\n", filepath.Join(tr.dir, name), d.Format("2006-1-2-15:4:5"))
	}
	write(t, tr.state, text, 0o600)
	return tr
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// make makes "name mode age size": a folder ends in /, a link is name=other or
// name>other, name:text has a text, and @id behind all is the owner.
func (tr *tree) make(t *testing.T, entry string) {
	t.Helper()
	words := strings.Split(entry, " ")
	n := len(words) - 3
	name := strings.Join(words[:n], " ")
	var mode uint32
	var age, size int
	if _, err := fmt.Sscanf(strings.Join(words[n:], " "), "%o %d %d", &mode, &age, &size); err != nil {
		t.Fatalf("%q: %v", entry, err)
	}
	name, text, has := strings.Cut(name, ":")
	name, owner, owned := strings.Cut(name, "@")
	if !has {
		text = strings.Repeat(name+" is a log\n", size/(len(name)+10)+1)[:size]
	} else {
		text = strings.ReplaceAll(text, "DIR", tr.dir) + "\n"
	}
	path := filepath.Join(tr.dir, name)
	switch {
	case strings.HasSuffix(name, "/"):
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	case strings.Contains(name, "="):
		a, b, _ := strings.Cut(name, "=")
		if err := os.Link(filepath.Join(tr.dir, b), filepath.Join(tr.dir, a)); err != nil {
			t.Fatal(err)
		}
		return
	case strings.Contains(name, ">"):
		a, b, _ := strings.Cut(name, ">")
		if err := os.Symlink(b, filepath.Join(tr.dir, a)); err != nil {
			t.Fatal(err)
		}
		return
	default:
		if strings.HasSuffix(name, ".gz") {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = w.Write([]byte(text))
			_ = w.Close()
			text = b.String()
		}
		write(t, path, text, os.FileMode(mode))
	}
	if owned {
		if err := os.Chown(path, int(owner[0]-'0'), int(owner[0]-'0')); err != nil {
			t.Fatal(err)
		}
	}
	when := time.Now().AddDate(0, 0, -age).Add(-time.Minute)
	if err := os.Chmod(path, os.FileMode(mode)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func (tr *tree) logrotate(t *testing.T, force bool) (said string, failed bool) {
	args := []string{"-s", tr.state, tr.conf}
	if force {
		args = append([]string{"-f"}, args...)
	}
	cmd := exec.Command("/usr/sbin/logrotate", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("the real logrotate is needed: %v", err)
	}
	return string(out), err != nil
}

func (tr *tree) rotate(t *testing.T, force bool) (said string, failed bool) {
	t.Helper()
	var log strings.Builder
	r, err := New(Options{Configs: []string{tr.conf}, State: tr.state, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	res, err := r.Once(t.Context(), force)
	if err != nil {
		t.Fatal(err)
	}
	if open := r.state.Open(); len(open) != 0 {
		t.Fatalf("%d rotations are left over", len(open))
	}
	return log.String(), res.Failed > 0
}

// list describes a tree: names, modes, owners, old times, contents.
func (tr *tree) list(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(tr.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		a := attrOf(fi)
		rel, _ := filepath.Rel(tr.dir, path)
		fmt.Fprintf(&b, "%s %v %d:%d", rel, fi.Mode(), a.UID, a.GID)
		if fi.Mode().IsRegular() {
			if age := time.Since(fi.ModTime()); age > 50*time.Second {
				fmt.Fprintf(&b, " %v old", age.Round(time.Minute))
			}
			text := unpack(t, path)
			text = strings.ReplaceAll(text, tr.dir, "DIR")
			if len(text) > 200 {
				text = fmt.Sprintf("%s… %d bytes", text[:100], len(text))
			}
			fmt.Fprintf(&b, " %q", text)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func unpack(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tool := ""
	switch {
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		tool = "gzip"
	case bytes.HasPrefix(data, []byte("\xfd7zXZ")):
		tool = "xz"
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		tool = "zstd"
	default:
		return string(data)
	}
	cmd := exec.Command(tool, "-dc")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return tool + ":" + string(out)
}

func TestMain(m *testing.M) {
	if os.Getenv(killAt) != "" {
		os.Exit(killedChild())
	}
	goleak.VerifyTestMain(m)
}
