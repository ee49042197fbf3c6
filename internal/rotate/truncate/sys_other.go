//go:build !linux

package truncate

import (
	"errors"
	"os"
)

const noFollow = 0

func unwritten(*os.File) bool         { return false }
func blockSize(*os.File) uint64       { return 4096 }
func collapse(*os.File, uint64) error { return errors.ErrUnsupported }
func punch(*os.File, uint64) error    { return errors.ErrUnsupported }
func holeAt(*os.File) uint64          { return 0 }
func writesAt(uint64, uint64) bool    { return false }

func truncate(_ *os.File, path string) error { return os.Truncate(path, 0) }
