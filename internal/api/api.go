// Package api is journalist's HTTP: it finds out who asks, holds them to what they
// may do, turns requests into questions and streams the answers.
//
// Up the way are the page in ui/ and the client commands of internal/cli, and for
// writing internal/ingest/jsonl and internal/ingest/elastic, whose handlers are
// mounted here. Down the way internal/query/exec answers as a Querier and
// internal/auth decides. routes.go has the table of everything that can be asked.
package api

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"journalist/internal/auth"
	"journalist/internal/fleet"
	"journalist/internal/ingest"
	"journalist/internal/ingest/elastic"
	"journalist/internal/ingest/jsonl"
	"journalist/internal/metrics"
	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// Querier answers questions. Its methods may be called concurrently and stop when
// the context ends. What is yielded is valid only during the call.
type Querier interface {
	Run(ctx context.Context, req lang.Request, yield func(*scan.Block) error) (scan.Stats, error)
	Tail(ctx context.Context, req lang.Request, yield func(*scan.Block) error) (missed int64, err error)
	Histogram(ctx context.Context, req lang.Request, buckets int, by string) ([]scan.Bucket, time.Duration, scan.Stats, error)
	Fields(ctx context.Context, req lang.Request, sample int, top int) ([]scan.FieldInfo, int64, scan.Stats, error)
}

// Deleter deletes the records that a query's filter matches, or with dryRun only
// counts them. progress is called from one goroutine at a time.
type Deleter interface {
	Delete(ctx context.Context, req lang.Request, dryRun bool, progress func(scan.DeletionProgress)) (scan.Deleted, error)
}

// Options configure New. Querier, Sink and Auth are needed.
type Options struct {
	Querier Querier
	Sink    ingest.Sink
	Auth    *auth.Auth
	Metrics *metrics.Set
	Logger  *slog.Logger
	// Deleter deletes; nil means that nothing can be deleted.
	Deleter Deleter
	// Backup writes a backup to w without what the request, a JSON document, says
	// to be there already; nil means that there are no backups. An error before the
	// first byte is told to the client.
	Backup func(ctx context.Context, request []byte, w io.Writer) error
	// Enroller gives forwarders their certificates; nil means that nobody does.
	Enroller Enroller
	// Fleet knows the forwarders; nil means that nobody does.
	Fleet *fleet.Fleet
	// Keeper tells what the store holds and what is wrong; nil means that nobody
	// knows.
	Keeper Keeper
	// Health says why the server is not ready; nil means it always is.
	Health func() error
	// UI holds the built page; nil means there is none.
	UI fs.FS
	// Version is what clients are told.
	Version string
	// ElasticVersion is what Elasticsearch clients are told; "" means
	// elastic.DefaultVersion.
	ElasticVersion string
	// MaxQueries is how many queries run at once, 0 means 16; more wait for a
	// while and are then told to come later. MaxTails is the same for live tails,
	// which do not wait; 0 means 200.
	MaxQueries, MaxTails int
	// Clock is the time; nil means time.Now.
	Clock func() time.Time
}

// Server is the handler that New makes.
type Server struct {
	o       Options
	log     *slog.Logger
	mux     *http.ServeMux
	table   []route
	static  *static
	limiter *auth.Limiter
	origin  *http.CrossOriginProtection
	jsonl   *jsonl.Handler
	elastic *elastic.Handler
	queries chan struct{}
	tails   chan struct{}
	backups chan struct{}

	inventories chan struct{}

	refused, throttled, panics *metrics.Counter
}

// bodyPatience is how long a sender may take for a body that is not read.
const bodyPatience = 10 * time.Second

// queueWait is how long a query waits for its turn.
const queueWait = 10 * time.Second

// New makes the handler of the page and the API. It panics when a needed option
// is missing or a route has no rule, because then nothing may be served.
func New(o Options) http.Handler {
	if o.Querier == nil || o.Sink == nil || o.Auth == nil {
		panic("api: Options.Querier, Sink and Auth are needed")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MaxQueries <= 0 {
		o.MaxQueries = 16
	}
	if o.MaxTails <= 0 {
		o.MaxTails = 200
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		o: o, log: log,
		mux:     http.NewServeMux(),
		static:  newStatic(o.UI),
		limiter: auth.NewLimiter(o.Clock),
		origin:  http.NewCrossOriginProtection(),
		jsonl:   jsonl.New(jsonl.Options{Sink: o.Sink, Logger: log, Metrics: o.Metrics, Clock: o.Clock}),
		elastic: elastic.New(elastic.Options{Sink: o.Sink, Logger: log, Metrics: o.Metrics, Version: o.ElasticVersion, Clock: o.Clock}),
		queries: make(chan struct{}, o.MaxQueries),
		tails:   make(chan struct{}, o.MaxTails),
		backups: make(chan struct{}, maxBackups),

		inventories: make(chan struct{}, maxInventories),

		refused:   o.Metrics.Counter("journalist_http_refused_credentials_total"),
		throttled: o.Metrics.Counter("journalist_http_throttled_total"),
		panics:    o.Metrics.Counter("journalist_http_panics_total"),
	}
	s.table = s.routes()
	for _, rt := range s.table {
		s.mux.Handle(rt.pattern(), s.guard(rt))
	}
	return s
}

// ServeHTTP answers every request, with the headers that every answer has.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Body != nil && r.Body != http.NoBody {
		// A body that nobody wants, because the request is refused for example, is
		// still read by the server before it sends the answer: not for ever. Whoever
		// does want it (httpbody) moves the deadline. Not every connection has one.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyPatience))
	}
	s.mux.ServeHTTP(w, r)
}

// contentPolicy lets the page load nothing but its own files: a log line that
// should find its way into the page as HTML finds nothing it could do.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
