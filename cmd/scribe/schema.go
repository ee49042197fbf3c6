package main

import (
	"github.com/spf13/cobra"

	"journalist/internal/config"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of scribe.yml, for editors",
		Long: `schema prints the JSON Schema of scribe.yml. Editors that know the YAML language server
use it when the first line of scribe.yml names the file that it was written to:
# yaml-language-server: $schema=scribe.schema.json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			text, err := config.ForwarderSchema()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(text)
			return err
		},
	}
}
