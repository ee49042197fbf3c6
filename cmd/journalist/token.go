package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/auth"
	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/vfs"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "create, list and revoke tokens; print a login link",
		Long: `Tokens let programs and people in: with scope ingest they may write, with read
they may ask, with admin everything. They are shown once and stored as hashes.

These commands change the server's data folder, also while the server runs; it
notices at once.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: helpOnly,
	}
	noRemote(cmd)
	cmd.AddCommand(a.tokenCreate(), a.tokenList(), a.tokenRevoke(), a.tokenLink())
	return cmd
}

// helpOnly is what a command does that only holds others.
func helpOnly(cmd *cobra.Command, _ []string) error {
	_ = cmd.Help() // it goes to the terminal or nowhere
	return cli.Exit(cli.ExitUsage, nil)
}

// withAuth opens the tokens of a data folder for f.
func withAuth(flag string, f func(d dataDir, au *auth.Auth) error) error {
	d, err := existing(flag)
	if err != nil {
		return err
	}
	return d.asOwner(func(d dataDir) error {
		au, err := auth.Open(vfs.OS, d.auth())
		if err != nil {
			return err
		}
		return errors.Join(f(d, au), au.Close())
	})
}

func (a *app) tokenCreate() *cobra.Command {
	var data, expires string
	var scopes, datasets []string
	var uses int
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "make a token and print it",
		Long: `Make a token and print it on stdout, this once. The name says whose it is or what
it is for.

With scope enroll it lets forwarders in: scribe enroll gets its certificate by it. It
is good for --uses forwarders and 24 hours, unless --expires says otherwise, and holds
the fingerprint of this server's authority, so that scribe trusts no other server.`,
		Example: `  journalist token create grafana
  journalist token create web-01 --scope enroll
  journalist token create ci --scope ingest --dataset ci --expires 30d > ci.token`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			spec := auth.TokenSpec{Name: args[0], Datasets: datasets}
			for _, s := range scopes {
				scope, err := auth.ParseScope(s)
				if err != nil {
					return cli.Exit(cli.ExitUsage, err)
				}
				spec.Scopes = append(spec.Scopes, scope)
			}
			enrols := slices.Contains(spec.Scopes, auth.Enroll)
			if enrols {
				spec.Uses, spec.Expires = uses, time.Now().Add(auth.EnrollLife)
			}
			if expires != "" {
				life, err := config.ParseDuration(expires)
				if err != nil || life <= 0 {
					return cli.Exit(cli.ExitUsage, fmt.Errorf("--expires %s: want a span of time such as 12h or 30d", expires))
				}
				spec.Expires = time.Now().Add(life)
			}
			return withAuth(data, func(d dataDir, au *auth.Auth) error {
				secret, info, err := au.CreateToken(spec)
				if err != nil {
					return err
				}
				if enrols {
					return a.printEnroll(d, secret, info)
				}
				fmt.Fprintf(a.stderr, "token %s (%s) may %s; it is shown only now:\n", info.Name, info.ID, scopeText(info.Scopes))
				_, err = fmt.Fprintln(a.stdout, secret)
				return err
			})
		},
	}
	dataFlag(cmd, &data)
	fl := cmd.Flags()
	fl.StringSliceVar(&scopes, "scope", []string{"read"}, "what it may do: ingest, read, admin, enroll; several with commas")
	fl.IntVar(&uses, "uses", 1, "with scope enroll: for how many forwarders it is good")
	fl.StringSliceVar(&datasets, "dataset", nil, "the only datasets it may use (default all)")
	fl.StringVar(&expires, "expires", "", "how long it is valid: 12h, 30d (default for ever)")
	_ = cmd.RegisterFlagCompletionFunc("scope", cobra.FixedCompletions([]string{"ingest", "read", "admin", "enroll"}, cobra.ShellCompDirectiveNoFileComp)) // fails only for an unknown flag
	return cmd
}

// printEnroll prints a token for scribe enroll, with the command to type in there.
func (a *app) printEnroll(d dataDir, secret string, info auth.TokenInfo) error {
	authority, err := openPKIBeside(d)
	if err != nil {
		return err
	}
	server, _ := d.readInfo() // only for the hint
	page := server.Page
	if page == "" {
		page = "https://THIS-SERVER:9292"
	}
	secret += "." + authority.CAFingerprint()
	fmt.Fprintf(a.stderr, "token %s (%s) lets in %s until %s; it is shown only now. There:\n  SCRIBE_TOKEN=%s scribe enroll %s\n",
		info.Name, info.ID, cli.Counted(int64(info.Uses), "forwarder"), dateOr(info.Expires, "it is revoked"), secret, page)
	if strings.HasPrefix(page, "http://") {
		fmt.Fprintln(a.stderr, "The page listens for this machine alone: other machines need journalist serve --http with an address of theirs, or a proxy with TLS.")
	}
	_, err = fmt.Fprintln(a.stdout, secret)
	return err
}

func scopeText(scopes []auth.Scope) string {
	var words []string
	for _, s := range scopes {
		words = append(words, string(s))
	}
	return strings.Join(words, ",")
}

func (a *app) tokenList() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the tokens, without their secrets",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return withAuth(data, func(_ dataDir, au *auth.Auth) error {
				list, err := au.List()
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tSCOPES\tDATASETS\tCREATED\tEXPIRES\tLAST USE")
				for _, t := range list {
					datasets := "all"
					if t.Datasets != nil {
						datasets = strings.Join(t.Datasets, ",")
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, cli.Safe(t.Name), scopeText(t.Scopes), datasets,
						dateOr(t.Created, ""), dateOr(t.Expires, "never"), dateOr(t.LastUse, "never"))
				}
				return w.Flush()
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

// dateOr is a local time, or a word for none.
func dateOr(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.Local().Format("2006-01-02 15:04")
}

func (a *app) tokenRevoke() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "revoke ID|NAME…",
		Short: "end tokens and the sessions that they opened",
		Args:  usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			return withAuth(data, func(_ dataDir, au *auth.Auth) error {
				for _, id := range args {
					if err := au.Revoke(id); err != nil {
						return err
					}
					fmt.Fprintf(a.stderr, "token %s is revoked\n", id)
				}
				return nil
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

func (a *app) tokenLink() *cobra.Command {
	var data, url string
	cmd := &cobra.Command{
		Use:   "link",
		Short: "print a login link for the page, good once and for 15 minutes",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return withAuth(data, func(d dataDir, au *auth.Auth) error {
				if url == "" {
					info, err := d.readInfo()
					if err != nil || info.Page == "" {
						return errors.New("where is the page? name its address with --url")
					}
					url = info.Page
				}
				code, err := au.CreateLink(auth.LinkLife)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(a.stdout, loginLink(url, code))
				return err
			})
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&url, "url", "", "the page's address as the browser sees it (default: as the server named it when it started)")
	return cmd
}

// loginLink puts the code into the fragment, which browsers send to nobody.
func loginLink(base, code string) string {
	return strings.TrimSuffix(base, "/") + "/#login=" + code
}

// userAtHost names tokens that login makes.
func userAtHost() string {
	name := fmt.Sprintf("uid-%d", os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return name + "@" + host
}
