package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"journalist/internal/ingest/httpbody"
)

// maxSmallBody bounds the JSON bodies that are read whole.
const maxSmallBody = 128 << 10

// readJSON reads a small JSON body into v; unknown keys are errors, because a key
// with a typo would otherwise be ignored.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := readBody(w, r, maxSmallBody)
	if err != nil {
		return err
	}
	if err := strictJSON(data, v); err != nil {
		return badRequest("the body is not the JSON that is expected here: "+err.Error(), "")
	}
	return nil
}

// readBody reads a body that says to be JSON.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if t := httpbody.MediaType(r); t != "application/json" {
		return nil, &Error{
			Status: http.StatusUnsupportedMediaType, Kind: "unsupported",
			Message: fmt.Sprintf("content type %q is not taken here", r.Header.Get("Content-Type")),
			Hint:    "send JSON with the header Content-Type: application/json",
		}
	}
	body, err := httpbody.Open(w, r, limit, "")
	if err != nil {
		return nil, bodyError(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, bodyError(err)
	}
	return data, nil
}

func bodyError(err error) error {
	var e *httpbody.Error
	if !errors.As(err, &e) {
		return err
	}
	kind := "bad_request"
	switch e.Status {
	case http.StatusRequestEntityTooLarge:
		kind = "limit"
	case http.StatusUnsupportedMediaType:
		kind = "unsupported"
	}
	return &Error{Status: e.Status, Kind: kind, Message: e.Msg, Hint: e.Hint}
}

// strictJSON is json.Unmarshal that does not take keys it does not know.
func strictJSON(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("something follows the object")
	}
	return nil
}

// writeJSON answers with a body that is application/json, unless a header says
// otherwise.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nobody to tell
}

// writeValue answers with a value as JSON.
func writeValue(w http.ResponseWriter, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, append(data, '\n'))
	return nil
}
