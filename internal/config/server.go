package config

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"
)

// Server is journalist's configuration. What the command line says wins: cmd sets
// it over these fields.
type Server struct {
	// Data is the folder of the store; "" leaves it to the command line.
	Data       string
	HTTP       HTTP
	Lumberjack Lumberjack
	Retention  RetentionRules
	DiskFloor  Floor
	// Zone is where lines come from whose time names no zone.
	Zone *time.Location
	Log  Log
}

// HTTP is the page and the API.
type HTTP struct {
	Addr string
	TLS  TLSFiles
	// Names are those under which the server is reached, for its own certificate.
	Names []string
}

// TLSFiles are a certificate and its key; both "" means the server's own.
type TLSFiles struct{ Cert, Key string }

// Lumberjack is the listener for forwarders. Addr "off" means none.
type Lumberjack struct {
	Addr string
	// ClientCA is a file of more authorities that may sign clients' certificates.
	ClientCA string
}

// RetentionRules say when data goes; a dataset's own rule replaces the default.
type RetentionRules struct {
	Default  Retention
	Datasets map[string]Retention
}

// Retention is how long and how much is kept; 0 means no limit.
type Retention struct {
	Age   time.Duration
	Bytes int64
}

// Floor is how much of the disk stays free: a share of it or a number of bytes.
type Floor struct {
	Percent float64 // counts when Bytes is 0
	Bytes   int64
}

// Of returns the floor in bytes on a disk of this size.
func (f Floor) Of(total uint64) uint64 {
	if f.Bytes > 0 {
		return uint64(f.Bytes)
	}
	return uint64(float64(total) * f.Percent / 100)
}

// ParseFloor reads "5%" or "2GB".
func ParseFloor(text string) (Floor, error) {
	if share, ok := strings.CutSuffix(strings.TrimSpace(text), "%"); ok {
		p, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err != nil || !(p >= 0 && p <= 90) {
			return Floor{}, fmt.Errorf("%q is no share of a disk: write 0%% to 90%%", text)
		}
		return Floor{Percent: p}, nil
	}
	n, err := ParseSize(text)
	return Floor{Bytes: n}, err
}

// Log says what the program tells of itself.
type Log struct{ Level slog.Level }

// maxServer is more than any such file needs.
const maxServer = 1 << 20

// DefaultServer is the configuration without a file.
func DefaultServer() *Server {
	return &Server{
		HTTP:       HTTP{Addr: "127.0.0.1:9292"},
		Lumberjack: Lumberjack{Addr: ":5043"},
		Retention:  RetentionRules{Datasets: map[string]Retention{}},
		DiskFloor:  Floor{Percent: 5},
		Zone:       time.Local,
	}
}

// LoadServer reads journalist's configuration file. What it does not name keeps
// its default. An unknown key is an error; the error is a Problems when the content
// is wrong.
func LoadServer(path string) (*Server, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxServer {
		return nil, Problems{{File: path, Msg: fmt.Sprintf("has %d bytes; a configuration has at most %d", info.Size(), maxServer)}}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return ParseServer(path, text)
}
