package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"journalist/internal/record"
)

// maxAnswer bounds what is read of an answer: a pod's document may be 1.5 MiB.
const maxAnswer = 4 << 20

// docker asks Docker's engine, or one that speaks its API as Podman does.
type docker struct{ client *http.Client }

func newDocker(address string, timeout time.Duration) (*docker, error) {
	path := strings.TrimPrefix(address, "unix://")
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("container: docker %q: write unix:///var/run/docker.sock", address)
	}
	var d net.Dialer
	return &docker{&http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) },
			DisableKeepAlives: true, // questions are rare
		},
		CheckRedirect: noRedirect,
	}}, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (d *docker) name() string { return "docker" }

func (d *docker) ask(ctx context.Context, id identity) ([]record.Pair, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/containers/"+id.container+"/json", nil)
	if err != nil {
		return nil, err
	}
	var c struct {
		ID, Name string
		Config   struct {
			Image  string
			Labels map[string]string
		}
	}
	if err := answer(d.client, req, &c); err != nil {
		return nil, err
	}
	if c.ID != id.container {
		return nil, fmt.Errorf("the answer is about container %.64q, not %q", c.ID, id.container)
	}
	var out fields
	out.add("container.name", strings.TrimPrefix(c.Name, "/"))
	out.add("container.image", c.Config.Image)
	return appendLabels(out, "container.labels.", c.Config.Labels), nil
}

// answer sends a request and decodes the answer.
func answer(client *http.Client, req *http.Request, into any) error {
	resp, err := client.Do(req)
	if err != nil {
		var uerr *url.Error
		if errors.As(err, &uerr) {
			err = uerr.Err // the address says nothing new
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusNotFound:
		return errGone
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: scribe is not allowed to ask: %s", resp.Status, remedy(req))
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s", resp.Status)
	case len(body) > maxAnswer:
		return fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer is not as documented: %w", err)
	}
	return nil
}

func remedy(req *http.Request) string {
	if req.URL.Host == "docker" {
		return "let its user read the socket (group docker)"
	}
	return "give its service account the right to get pods in all namespaces"
}
