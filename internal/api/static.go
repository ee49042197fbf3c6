package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// static holds the page's files in memory, with their tags and their compressed
// form.
type static struct{ files map[string]*staticFile }

type staticFile struct {
	plain, packed []byte // packed is nil where it would not be smaller
	kind          string
	tag           string
	cache         string
}

// newStatic reads all files. What cannot be read is not served.
func newStatic(files fs.FS) *static {
	s := &static{files: map[string]*staticFile{}}
	if files == nil {
		return s
	}
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return nil //nolint:nilerr // the others can still be served
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil //nolint:nilerr // the others can still be served
		}
		s.files[name] = newStaticFile(name, data)
		return nil
	}) // the function never fails
	return s
}

func newStaticFile(name string, data []byte) *staticFile {
	f := &staticFile{plain: data, kind: kindOf(name), cache: "no-cache"}
	if strings.HasPrefix(name, "assets/") { // their names carry a hash of their content
		f.cache = "public, max-age=31536000, immutable"
	}
	sum := sha256.Sum256(data)
	f.tag = `"` + hex.EncodeToString(sum[:12]) + `"`
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(data)
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil && out.Len() < len(data)*9/10 {
		f.packed = out.Bytes()
	}
	return f
}

func kindOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".map":
		return "application/json"
	case ".woff2":
		return "font/woff2"
	default:
		if kind := mime.TypeByExtension(ext); kind != "" {
			return kind
		}
		return "application/octet-stream"
	}
}

// page serves the page's files, and says what is wrong with every other path.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	f := s.static.files[name]
	if f == nil {
		s.notFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.writeError(w, r, &Error{Status: http.StatusMethodNotAllowed, Kind: "bad_request", Message: r.Method + " is not possible here"})
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	h.Set("Vary", "Accept-Encoding")
	body, tag := f.plain, f.tag
	if f.packed != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body, tag = f.packed, strings.TrimSuffix(f.tag, `"`)+`-gz"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the client is gone: nobody to tell
	}
}

func acceptsGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" || coding == "*" {
			q, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !ok || err != nil || weight > 0
		}
	}
	return false
}

// notFound tells a wrong method from a wrong path.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	var methods []string
	for _, rt := range s.table {
		if rt.path == r.URL.Path && rt.method != "" {
			methods = append(methods, rt.method)
		}
	}
	if len(methods) > 0 {
		allow := strings.Join(methods, ", ")
		w.Header().Set("Allow", allow)
		s.writeError(w, r, &Error{Status: http.StatusMethodNotAllowed, Kind: "bad_request", Message: r.Method + " is not possible here", Hint: "use " + allow})
		return
	}
	s.writeError(w, r, &Error{Status: http.StatusNotFound, Kind: "not_found", Message: "there is nothing at " + r.URL.Path})
}
