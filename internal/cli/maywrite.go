package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// MayWrite makes the folder dir and tells what would hinder these files from being
// written to it: it cannot be written to, or one of them is there and force does not
// let it be replaced. Whoever issues a certificate calls it before: one that nobody
// got is a loose end.
func MayWrite(dir string, force bool, paths ...string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) && !force {
			return fmt.Errorf("%s is there already: --force replaces it, --out writes elsewhere", path)
		}
	}
	probe, err := os.CreateTemp(dir, ".may-write-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
