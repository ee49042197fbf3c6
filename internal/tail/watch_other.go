//go:build !linux

package tail

import "errors"

func newWatcher(hints) (watcher, error) {
	return nil, errors.New("not supported on this system")
}
