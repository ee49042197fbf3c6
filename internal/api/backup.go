package api

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// maxBackups is how many backups may run at once: each holds files that the
	// store would remove.
	maxBackups = 2
	// maxBackupRequest bounds the list of what the client has: some hundred bytes
	// for each part.
	maxBackupRequest = 64 << 20
)

// backup streams a backup; the request says what the client has already. What cannot
// be sent to its end is cut off, so that nobody takes it for whole.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) error {
	request, err := readBody(w, r, maxBackupRequest)
	if err != nil {
		return err
	}
	if s.o.Backup == nil {
		return &Error{Status: http.StatusNotFound, Kind: "unsupported", Message: "this server makes no backups"}
	}
	select {
	case s.backups <- struct{}{}:
		defer func() { <-s.backups }()
	default:
		return &Error{
			Status: http.StatusTooManyRequests, Kind: "limit", Message: fmt.Sprintf("%d backups are running already", maxBackups),
			Hint: "try again when they are done", retryAfter: 60,
		}
	}
	log := s.log.With("by", principalOf(r).Name, "from_address", r.RemoteAddr)
	log.Info("backup begins")
	start := time.Now()
	out := &backupStream{w: w, control: http.NewResponseController(w)}
	err = s.o.Backup(r.Context(), request, out)
	if err != nil {
		log.Error("backup failed", "bytes", out.bytes, "err", err)
		if out.bytes == 0 {
			return err
		}
		panic(http.ErrAbortHandler)
	}
	log.Info("backup sent", "bytes", out.bytes, "elapsed", time.Since(start))
	return nil
}

// backupStream begins the answer with the first bytes and gives the client time for
// each of them anew.
type backupStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	bytes   int64
}

// Write sends some bytes.
func (b *backupStream) Write(p []byte) (int, error) {
	if b.bytes == 0 {
		b.w.Header().Set("Content-Type", "application/x-tar")
		b.w.Header().Set("Cache-Control", "no-store")
	}
	_ = b.control.SetWriteDeadline(time.Now().Add(writePatience)) // not every connection has deadlines
	n, err := b.w.Write(p)
	b.bytes += int64(n)
	return n, err
}
