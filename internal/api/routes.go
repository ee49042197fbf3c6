package api

import (
	"net/http"
	"strings"

	"journalist/internal/auth"
)

// rule is what a request must prove before its handler sees it. The zero value
// lets nobody in: a route without a rule does not come up.
type rule uint8

const (
	_          rule = iota
	public          // anybody
	signedIn        // whoever has valid credentials
	mayEnroll       // scope enroll
	mayIngest       // scope ingest
	mayRead         // scope read
	mayMeasure      // scope read, not bound to datasets: figures of the whole server
	mayAdmin        // scope admin
	mayOwn          // scope admin, not bound to datasets: everything that the server has
)

func (r rule) scope() auth.Scope {
	switch r {
	case mayEnroll:
		return auth.Enroll
	case mayIngest:
		return auth.Ingest
	case mayRead, mayMeasure:
		return auth.Read
	case mayAdmin, mayOwn:
		return auth.Admin
	}
	return ""
}

// dialect is how credentials come and errors look.
type dialect uint8

const (
	ours dialect = iota
	elasticsearch
)

// route is one line of the table.
type route struct {
	method  string // "" means every method
	path    string
	rule    rule
	dialect dialect
	handler http.HandlerFunc
	// params are the names of the parameters in the URL; below apiPrefix others are
	// refused.
	params string
}

// apiPrefix begins the paths of our own API.
const apiPrefix = "/api/"

func (rt route) pattern() string { return strings.TrimSpace(rt.method + " " + rt.path) }

// routes is everything that can be asked. The mux and the test that walks every
// route with every kind of credentials are both made from it.
func (s *Server) routes() []route {
	const asking = "query from to zone"
	return []route{
		{"GET", "/healthz", public, ours, s.healthz, ""},
		{"GET", "/readyz", public, ours, s.readyz, ""},
		{"GET", "/metrics", mayMeasure, ours, s.metrics, ""},

		{"POST", "/api/v1/login", public, ours, s.answering(s.login), ""},
		{"POST", "/api/v1/logout", signedIn, ours, s.answering(s.logout), ""},
		{"GET", "/api/v1/me", signedIn, ours, s.me, ""},

		{"POST", "/api/v1/enroll", mayEnroll, ours, s.answering(s.enroll), ""},

		{"POST", "/api/v1/query", mayRead, ours, s.answering(s.query), ""},
		{"GET", "/api/v1/tail", mayRead, ours, s.answering(s.tail), asking + " source"},
		{"GET", "/api/v1/histogram", mayRead, ours, s.answering(s.histogram), asking + " buckets by"},
		{"GET", "/api/v1/fields", mayRead, ours, s.answering(s.fields), asking + " sample top"},

		{"GET", "/api/v1/values", mayRead, ours, s.investigate("values"), asking + " field prefix limit progress"},
		{"GET", "/api/v1/facets", mayRead, ours, s.investigate("facets"), asking + " limit progress"},
		{"GET", "/api/v1/patterns", mayRead, ours, s.investigate("patterns"), asking + " of limit progress"},
		{"GET", "/api/v1/context", mayRead, ours, s.investigate("context"), asking + " before after by limit source progress"},
		{"GET", "/api/v1/compare", mayRead, ours, s.investigate("compare"), asking + " span limit progress"},
		{"GET", "/api/v1/hosts", mayRead, ours, s.investigate("hosts"), asking + " silent limit progress"},

		{"GET", "/api/v1/openapi.yaml", signedIn, ours, s.openAPI, ""},
		{"GET", "/api/v1/forwarders", mayMeasure, ours, s.answering(s.forwarders), ""},
		{"GET", "/api/v1/health", mayRead, ours, s.answering(s.health), ""},
		{"GET", "/api/v1/stats", mayMeasure, ours, s.answering(s.stats), "dataset groups columns"},

		{"POST", "/api/v1/delete", mayAdmin, ours, s.answering(s.delete), ""},
		{"POST", "/api/v1/backup", mayOwn, ours, s.answering(s.backup), ""},

		{"POST", "/api/v1/ingest/jsonl", mayIngest, ours, s.jsonl.ServeHTTP, "dataset"},

		{"GET", "/elastic", mayIngest, elasticsearch, s.elastic.Root, ""},
		{"GET", "/elastic/{$}", mayIngest, elasticsearch, s.elastic.Root, ""},
		{"GET", "/elastic/_license", mayIngest, elasticsearch, s.elastic.License, ""},
		{"GET", "/elastic/_cluster/health", mayIngest, elasticsearch, s.elastic.Health, ""},
		{"GET", "/elastic/_cat/health", mayIngest, elasticsearch, s.elastic.CatHealth, ""},
		{"POST", "/elastic/_bulk", mayIngest, elasticsearch, s.elastic.Bulk, ""},
		{"PUT", "/elastic/_bulk", mayIngest, elasticsearch, s.elastic.Bulk, ""},
		{"POST", "/elastic/{index}/_bulk", mayIngest, elasticsearch, s.elastic.Bulk, ""},
		{"PUT", "/elastic/{index}/_bulk", mayIngest, elasticsearch, s.elastic.Bulk, ""},
		{"", "/elastic/{path...}", signedIn, elasticsearch, s.elastic.NotFound, ""},

		{"", "/{path...}", public, ours, s.page, ""},
	}
}
