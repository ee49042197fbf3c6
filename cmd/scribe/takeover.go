package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
)

// oldRegistries are logstash-forwarder's, of 0.4.0 and 0.3.1, in the working
// directory.
var oldRegistries = []string{".logstash-forwarder", ".lumberjack"}

// takeOver takes the positions of a logstash-forwarder that ran here before, when
// scribe has none of its own. A registry that cannot be read stops the start: to go
// on without it would send everything again.
func (f *forwarder) takeOver() error {
	if f.registry.Len() > 0 {
		return nil
	}
	for _, name := range oldRegistries {
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			continue
		}
		imp, err := f.registry.ImportLSF(name)
		if err != nil {
			return fmt.Errorf("%w (move %s away to read all files anew)", err, name)
		}
		f.log.Info("positions taken over from logstash-forwarder", "file", name, "resumed", len(imp.Resumed), "renamed", len(imp.Renamed), "fresh", len(imp.Fresh))
		for _, path := range slices.Sorted(maps.Keys(imp.Fresh)) {
			f.log.Warn("no position for this file in logstash-forwarder's registry: it is read as a new one", "file", path, "reason", imp.Fresh[path])
		}
		return nil
	}
	return nil
}
