package api

import (
	"net/http"

	"journalist/docs"
)

// openAPI describes the API for programs. The description belongs to the program, so
// it may not outlive an update in a cache.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(docs.OpenAPI) // the client is gone: nobody to tell
}
