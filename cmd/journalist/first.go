package main

import (
	"fmt"
	"log/slog"
	"strings"

	"journalist/internal/auth"
	"journalist/internal/cli"
	"journalist/internal/vfs"
)

// welcome lets the first person in. On the very first start there is an admin
// token; on every start on a terminal there is a fresh login link. Secrets go to a
// terminal or into a file that only the owner can read, never into a log.
func (a *app) welcome(o serveOptions, au *auth.Auth, page string, log *slog.Logger) error {
	terminal := cli.IsTerminal(a.stderr)
	var token string
	created := false
	if o.adminTokenFile == "" {
		var err error
		if token, created, err = au.EnsureAdmin(); err != nil {
			return err
		}
	}
	if !created && !terminal {
		return nil
	}
	link := ""
	if page != "" {
		code, err := au.CreateLink(auth.LinkLife)
		if err != nil {
			return err
		}
		link = loginLink(page, code)
	}
	var text strings.Builder
	if created {
		fmt.Fprintf(&text, "Admin token (shown only this once, keep it safe):\n  %s\n", token)
	}
	if link != "" {
		fmt.Fprintf(&text, "Log in to the page (good once, for 15 minutes):\n  %s\n", link)
	} else {
		fmt.Fprintf(&text, "For a login link: journalist token link --data %s --url https://…\n", o.data)
	}
	if terminal {
		_, err := fmt.Fprintf(a.stderr, "\n%s\n", text.String())
		return err
	}
	if err := vfs.WriteFile(vfs.OS, o.data.firstLogin(), []byte(text.String())); err != nil {
		return fmt.Errorf("keep the first token: %w", err)
	}
	log.Info("first start: the admin token and a login link are in a file; delete it when you have read it", "file", o.data.firstLogin())
	return nil
}
