//go:build !linux

package rotate

import (
	"errors"

	"journalist/internal/rotate/conf"
)

func asUser(o *conf.Owner, f func() error) error {
	if o != nil {
		return errors.New("su: this system cannot change the user of a single thread")
	}
	return f()
}
