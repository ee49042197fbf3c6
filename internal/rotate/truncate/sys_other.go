//go:build !linux

package truncate

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
)

const noFollow = 0

// node reads the device and inode numbers where the system has them.
func node(fi fs.FileInfo) (dev, ino uint64) {
	v := reflect.Indirect(reflect.ValueOf(fi.Sys()))
	if v.Kind() != reflect.Struct {
		return 0, 0
	}
	return number(v.FieldByName("Dev")), number(v.FieldByName("Ino"))
}

func number(v reflect.Value) uint64 {
	switch {
	case !v.IsValid():
		return 0
	case v.CanUint():
		return v.Uint()
	case v.CanInt():
		return uint64(v.Int())
	}
	return 0
}

func unwritten(*os.File) bool         { return false }
func blockSize(*os.File) uint64       { return 4096 }
func collapse(*os.File, uint64) error { return errors.ErrUnsupported }
func punch(*os.File, uint64) error    { return errors.ErrUnsupported }
func holeAt(*os.File) uint64          { return 0 }
func writesAt(uint64, uint64) bool    { return false }

func truncate(_ *os.File, path string) error { return os.Truncate(path, 0) }
