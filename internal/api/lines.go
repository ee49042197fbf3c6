package api

import "net/http"

// answerLines answers with NDJSON. run writes lines as they come and returns what
// appends the last one, without its end; where run fails that is {"error":…}. An error
// before the first line is returned, so that it can have a proper status.
func (s *Server) answerLines(w http.ResponseWriter, r *http.Request, run func(out *stream) (last func(dst []byte) []byte, err error)) error {
	out := newStream(w, func(h http.Header) {
		h.Set("Content-Type", "application/x-ndjson")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // a proxy shall pass lines on as they come
	})
	defer out.close()
	last, err := run(out)
	if err != nil {
		if !out.begun() {
			return err
		}
		e := explain(err)
		s.logInternal(r, e, err)
		last = e.append
	}
	_ = out.write(func(dst []byte) []byte { return append(last(dst), '\n') }) // the client is gone: nobody to tell
	_ = out.flush()                                                           // as above
	return nil
}
