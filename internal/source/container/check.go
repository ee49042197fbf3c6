package container

import (
	"context"
	"errors"
	"fmt"
)

// Check asks Docker and Kubernetes whether they are there and returns what is
// wrong. It works without Run.
func (e *Enricher) Check(ctx context.Context) error {
	var errs []error
	for _, b := range []backend{e.docker, e.kubernetes} {
		if b == nil {
			continue
		}
		// A container that nobody has: the answer shows that questions are answered.
		_, err := b.ask(ctx, identity{container: "0", namespace: "default", pod: "no-such-pod"})
		if err != nil && !errors.Is(err, errGone) {
			errs = append(errs, fmt.Errorf("%s: %w", b.name(), err))
		}
	}
	return errors.Join(errs...)
}
