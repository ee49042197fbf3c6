package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"journalist/internal/auth"
	"journalist/internal/cli"
	"journalist/internal/pki"
)

func (a *app) loginCommand() *cobra.Command {
	var data, tokenFile, caFile string
	cmd := &cobra.Command{
		Use:   "login [URL]",
		Short: "keep server and token for the commands that ask",
		Long: `Keep server, certificate authority and token in the user's configuration
directory, readable by this user alone, for query, tail, fields and import.

On the server's own machine, with its data folder readable (./data or --data), it
makes a token by itself. Elsewhere it asks for one (journalist token create prints
it) and shows the fingerprint of the server's authority to compare with what the
server printed when it started; --ca takes the authority from a file instead.`,
		Example: `  journalist login
  journalist login https://logs.example.com:9292
  journalist login https://logs.example.com:9292 --ca ca.crt --token-file token`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := cli.ProfilePath()
			if err != nil {
				return err
			}
			p := cli.Profile{Server: strings.Join(args, "")}
			if p.Server == "" {
				p.Server = os.Getenv("JOURNALIST_URL")
			}
			if tokenFile == "" {
				tokenFile = os.Getenv("JOURNALIST_TOKEN_FILE")
			}
			if local, ok := a.localLogin(data, p.Server, tokenFile); ok {
				p, err = a.loginLocally(local, p.Server)
			} else if p.Server == "" {
				return cli.Exit(cli.ExitUsage, errors.New("which server? journalist login URL, or --data DIR on the server's own machine"))
			} else {
				err = a.loginRemotely(cmd.Context(), &p, tokenFile, caFile)
			}
			if err != nil {
				return err
			}
			c, err := cli.NewClient(cli.ClientOptions{Server: p.Server, Token: p.Token, CA: pemOrNil(p.CA), Version: programVersion()})
			if err != nil {
				return err
			}
			defer c.Close()
			me, err := c.Me(cmd.Context())
			if err != nil {
				return err
			}
			if err := cli.SaveProfile(path, p); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "logged in to %s as %s (%s); kept in %s\n", p.Server, cli.Safe(me.Name), strings.Join(me.Scopes, ","), path)
			return nil
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "a `FILE` that holds the token, instead of asking")
	cmd.Flags().StringVar(&caFile, "ca", "", "the server's certificate authority, a PEM `FILE`, instead of comparing its fingerprint")
	return cmd
}

func pemOrNil(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// localLogin tells whether the data folder can make the token: it was named, or
// nothing else was and the default one is there and belongs to that server.
func (a *app) localLogin(data, server, tokenFile string) (dataDir, bool) {
	if data != "" {
		return dataDir(data), true
	}
	if tokenFile != "" || os.Getenv("JOURNALIST_TOKEN") != "" {
		return "", false
	}
	d := dataDir(defaultData())
	info, err := d.readInfo()
	if err != nil || (server != "" && !cli.SameServer(server, info.URL) && !cli.SameServer(server, info.Page)) {
		return "", false
	}
	return d, d.made()
}

// loginLocally makes a token in the data folder, in place of the one that an
// earlier login made there.
func (a *app) loginLocally(d dataDir, server string) (p cli.Profile, err error) {
	abs, err := filepath.Abs(string(d))
	if err != nil {
		return p, err
	}
	var before cli.Profile
	if path, err := cli.ProfilePath(); err == nil {
		before, _, _ = cli.LoadProfile(path) // one that cannot be read is replaced
	}
	err = withAuth(string(d), func(d dataDir, au *auth.Auth) error {
		info, err := d.readInfo()
		if err != nil && server == "" {
			return fmt.Errorf("where is the server? start it, or give its address to login: %w", err)
		}
		authority, err := openPKIBeside(d)
		if err != nil {
			return err
		}
		secret, token, err := au.CreateToken(auth.TokenSpec{Name: userAtHost(), Scopes: []auth.Scope{auth.Read, auth.Ingest}})
		if err != nil {
			return err
		}
		if before.Data == abs && before.TokenID != "" {
			_ = au.Revoke(before.TokenID) // it may be gone already
		}
		p = cli.Profile{Server: server, Token: secret, TokenID: token.ID, Data: abs}
		if p.Server == "" {
			p.Server = info.URL
		}
		if err := fullURL(&p); err != nil {
			return err
		}
		p.CA = string(localCA(authority, info))
		return nil
	})
	return p, err
}

// fullURL writes the server's address out, with scheme and port.
func fullURL(p *cli.Profile) error {
	if strings.HasPrefix(p.Server, "unix:") {
		return nil
	}
	u, err := cli.ServerURL(p.Server)
	if err != nil {
		return err
	}
	p.Server = u.String()
	return nil
}

// localCA is the authority to trust for a server on this machine: our own, unless
// the server shows a certificate from elsewhere.
func localCA(authority *pki.PKI, info serverInfo) []byte {
	if info.ForeignCert {
		return nil
	}
	return authority.CAPEM()
}

// loginRemotely finds out whom to trust and asks for the token.
func (a *app) loginRemotely(ctx context.Context, p *cli.Profile, tokenFile, caFile string) error {
	if err := fullURL(p); err != nil {
		return err
	}
	switch {
	case caFile != "":
		ca, err := os.ReadFile(caFile)
		if err != nil {
			return err
		}
		p.CA = string(ca)
	case strings.HasPrefix(p.Server, "https:"):
		ca, known, err := cli.ServerCA(ctx, p.Server)
		if err != nil {
			return err
		}
		if !known {
			fmt.Fprintf(a.stderr, "The authority of %s is not known here. Its fingerprint (SHA-256) is\n  %s\nCompare it with the one that the server printed when it started.\n", p.Server, cli.Fingerprint(ca))
			if !a.confirm("Trust it?") {
				return cli.Exit(cli.ExitAuth, errors.New("not trusted: nothing was sent; --ca FILE names an authority without asking"))
			}
			p.CA = string(cli.CertificatePEM(ca))
		}
	}
	var err error
	p.Token, err = a.askToken(tokenFile)
	return err
}

// confirm asks a person; without one the answer is no.
func (a *app) confirm(question string) bool {
	if !cli.IsTerminal(a.stdin) {
		return false
	}
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	return err == nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y")
}

// askToken reads the token from the file, the environment, or the keyboard
// without showing it.
func (a *app) askToken(tokenFile string) (string, error) {
	if tokenFile != "" {
		return cli.ReadSecret(tokenFile)
	}
	if token := strings.TrimSpace(os.Getenv("JOURNALIST_TOKEN")); token != "" {
		return token, nil
	}
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", cli.Exit(cli.ExitUsage, errors.New("no terminal to ask for the token: use --token-file, or --data on the server's own machine"))
	}
	fmt.Fprint(a.stderr, "Token: ")
	secret, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.stderr)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(secret))
	if token == "" {
		return "", cli.Exit(cli.ExitUsage, errors.New("no token was entered"))
	}
	return token, nil
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "forget server and token",
		Long: `Forget what login kept. A token that login made itself is revoked too when the
server's data folder is on this machine; one that was typed in stays valid until it
is revoked with journalist token revoke.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			path, err := cli.ProfilePath()
			if err != nil {
				return err
			}
			p, _, loadErr := cli.LoadProfile(path)
			ok, err := cli.RemoveProfile(path)
			if err != nil {
				return err
			}
			if !ok {
				fmt.Fprintln(a.stderr, "there was no login")
				return nil
			}
			fmt.Fprintf(a.stderr, "forgotten: %s\n", path)
			if loadErr != nil || p.TokenID == "" || p.Data == "" {
				return nil
			}
			err = withAuth(p.Data, func(_ dataDir, au *auth.Auth) error { return au.Revoke(p.TokenID) })
			if err != nil {
				fmt.Fprintf(a.stderr, "its token %s is still valid: %s\n", p.TokenID, err)
			}
			return nil
		},
	}
}
