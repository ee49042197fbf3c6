package cli

import (
	"errors"
	"net/url"
	"strings"
)

// PageLink is the address of the page with a question in it. The question stands in
// the fragment, which browsers send to nobody. A server on a unix socket has no page
// that a browser could open.
func PageLink(server string, q Question, live bool) (string, error) {
	if strings.HasPrefix(server, "unix:") {
		return "", Exit(ExitUsage, errors.New("a server on a unix socket has no link: name its address with --server"))
	}
	u, err := ServerURL(server)
	if err != nil {
		return "", err
	}
	var parts []string
	put := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+linkValue(value))
		}
	}
	put("q", q.Query)
	if q.From != "" || q.To != "" {
		put("from", first(q.From, "now-1h"))
		put("to", first(q.To, "now"))
	}
	if live {
		put("live", "1")
	}
	return strings.TrimSuffix(u.String(), "/") + "/#" + strings.Join(parts, "&"), nil
}

// linkValue escapes a value as the page does: a link is read by people, so that what
// need not be escaped stays.
func linkValue(s string) string {
	return strings.NewReplacer("%3A", ":", "%2C", ",", "%2F", "/", "%40", "@").Replace(url.QueryEscape(s))
}
