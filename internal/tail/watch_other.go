//go:build !linux

package tail

import "errors"

func newWatcher(func(path []byte, names bool)) (watcher, error) {
	return nil, errors.New("not supported on this system")
}
