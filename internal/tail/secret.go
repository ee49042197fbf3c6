package tail

import (
	"errors"
	"io/fs"
	"sync"
	"time"
)

// secrets are the files and folders beside logs that scribe may not read. One that
// was only just made may still get its permissions; others must not keep a log from
// going on for ever, because its copy might be there. The zero value is ready, and
// may be used by several goroutines.
type secrets struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// noFile makes nil of what tells that there is nothing to read at path: that there
// is no such file, or that it may not be read, for a while already. err may be nil.
func (s *secrets) noFile(path string, err error, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(err, fs.ErrPermission) {
		delete(s.since, path)
		return noFile(err)
	}
	since, ok := s.since[path]
	if !ok {
		if s.since == nil || len(s.since) >= maxSecrets {
			s.since = make(map[string]time.Time)
		}
		s.since[path] = now
		return err
	}
	if d := now.Sub(since); 0 <= d && d < copyWait {
		return err
	}
	return nil
}

// maxSecrets bounds what is remembered; beyond it everything is waited for anew.
const maxSecrets = 4096
