package main

import (
	"testing"

	"journalist/internal/testkit/commanddocs"
)

func TestFlagsAreDocumented(t *testing.T) {
	commanddocs.Check(t, (&app{}).rootCommand(), "../../docs/commands.md")
}
