// Package elastic takes logs from whatever writes to Elasticsearch: its bulk API
// and the few requests with which Filebeat, Logstash, Fluent Bit and Vector make
// sure that they talk to a server they know.
//
// Up the way are those clients; internal/api authenticates them and mounts the
// handlers under /elastic/. Down the way the batches go to internal/pipeline
// through an ingest.Sink. There are no indices, mappings or pipelines: an index
// name becomes a dataset and everything is searchable anyhow.
package elastic

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"journalist/internal/ingest"
	"journalist/internal/metrics"
	"journalist/internal/record"
)

// Options configure New.
type Options struct {
	Sink    ingest.Sink
	Logger  *slog.Logger
	Metrics *metrics.Set
	// Version is the Elasticsearch version that clients are told; "" means
	// DefaultVersion. Beats refuse servers older than themselves, some Logstash
	// plugins newer major versions.
	Version string
	// Name is the node's name; "" means journalist.
	Name string
	// MaxBody is the most bytes of one request after decompression; 0 means
	// Elasticsearch's own limit, 100 MiB.
	MaxBody int64
	// MaxMemory bounds the bodies of all requests together; over it requests are
	// answered with 429. 0 means 256 MiB.
	MaxMemory int64
	// Clock is the time; nil means time.Now.
	Clock func() time.Time
}

// DefaultVersion is what clients are told without Options.Version.
const DefaultVersion = "8.17.0"

// Handler answers the requests. Its methods may be called from any number of
// goroutines.
type Handler struct {
	o       Options
	log     *slog.Logger
	cluster string
	memory  *semaphore.Weighted

	requests, rows, badJSON, itemErrors, bytes, busy, pipelines *metrics.Counter
	toldPipeline                                                atomic.Bool
	pools                                                       pools
}

// New makes a handler.
func New(o Options) *Handler {
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	if o.Name == "" {
		o.Name = "journalist"
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 100 << 20
	}
	if o.MaxMemory <= 0 {
		o.MaxMemory = 256 << 20
	}
	o.MaxMemory = max(o.MaxMemory, o.MaxBody+1)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: the program ends if there is no randomness
	m := o.Metrics
	return &Handler{
		o: o, log: log, cluster: base64.RawURLEncoding.EncodeToString(id[:]), memory: semaphore.NewWeighted(o.MaxMemory),
		requests:   m.Counter("journalist_elastic_bulk_requests_total"),
		rows:       m.Counter("journalist_elastic_rows_total"),
		badJSON:    m.Counter("journalist_elastic_bad_json_total"),
		itemErrors: m.Counter("journalist_elastic_item_errors_total"),
		bytes:      m.Counter("journalist_elastic_received_bytes_total"),
		busy:       m.Counter("journalist_elastic_busy_total"),
		pipelines:  m.Counter("journalist_elastic_ignored_pipelines_total"),
	}
}

// Header sets what clients of Elasticsearch look for in every answer.
func Header(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Elastic-Product", "Elasticsearch")
	h.Set("Content-Type", contentType(r))
}

// contentType answers in the type that the client asked for, where it is one of
// JSON's names.
func contentType(r *http.Request) string {
	const vendor = "application/vnd.elasticsearch+json"
	accept := r.Header.Get("Accept")
	if !strings.HasPrefix(accept, vendor) {
		return "application/json"
	}
	if _, version, ok := strings.Cut(accept, "compatible-with="); ok && len(version) > 0 && version[0] >= '7' && version[0] <= '9' {
		return vendor + ";compatible-with=" + version[:1]
	}
	return vendor
}

// Root answers GET /, the version check.
func (h *Handler) Root(w http.ResponseWriter, r *http.Request) {
	out := []byte(`{"name":`)
	out = record.AppendJSONString(out, h.o.Name)
	out = append(out, `,"cluster_name":"journalist","cluster_uuid":"`...)
	out = append(out, h.cluster...)
	out = append(out, `","version":{"number":`...)
	out = record.AppendJSONString(out, h.o.Version)
	out = append(out, `,"build_flavor":"default","build_type":"tar","build_hash":"0000000000000000000000000000000000000000",`+
		`"build_date":"2025-01-01T00:00:00.000000000Z","build_snapshot":false,"lucene_version":"9.12.0",`+
		`"minimum_wire_compatibility_version":"7.17.0","minimum_index_compatibility_version":"7.0.0"},`+
		`"tagline":"You Know, for Search"}`...)
	answer(w, r, http.StatusOK, out)
}

// License answers GET /_license: without an active one Logstash and Beats do not
// send.
func (h *Handler) License(w http.ResponseWriter, r *http.Request) {
	answer(w, r, http.StatusOK, fmt.Appendf(nil,
		`{"license":{"status":"active","uid":"%s","type":"basic","mode":"basic","issue_date":"2025-01-01T00:00:00.000Z","issue_date_in_millis":1735689600000,"max_nodes":1000,"issued_to":"journalist","issuer":"journalist","start_date_in_millis":-1}}`,
		h.cluster))
}

// Health answers GET /_cluster/health. A server that answers takes logs: when it
// cannot, the bulk request says so.
func (h *Handler) Health(w http.ResponseWriter, r *http.Request) {
	answer(w, r, http.StatusOK, []byte(`{"cluster_name":"journalist","status":"green","timed_out":false,"number_of_nodes":1,"number_of_data_nodes":1,`+
		`"active_primary_shards":1,"active_shards":1,"relocating_shards":0,"initializing_shards":0,"unassigned_shards":0,"delayed_unassigned_shards":0,`+
		`"number_of_pending_tasks":0,"number_of_in_flight_fetch":0,"task_max_waiting_in_queue_millis":0,"active_shards_percent_as_number":100.0}`))
}

// CatHealth answers GET /_cat/health, which rsyslog asks for.
func (h *Handler) CatHealth(w http.ResponseWriter, r *http.Request) {
	now := h.o.Clock().UTC()
	Header(w, r)
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	_, _ = fmt.Fprintf(w, "%d %s journalist green 1 1 1 1 0 0 0 0 - 100.0%%\n", now.Unix(), now.Format("15:04:05")) // the client is gone: nobody to tell
}

// NotFound answers every other path below /elastic/.
func (h *Handler) NotFound(w http.ResponseWriter, r *http.Request) {
	WriteError(w, r, http.StatusNotFound, "resource_not_found_exception",
		"journalist does not have "+r.Method+" "+r.URL.Path+": it takes logs by POST /_bulk and answers questions by its own API")
}
