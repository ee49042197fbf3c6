package container

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"journalist/internal/record"
)

// Kubernetes is an API server and how it is asked. The zero value means what a pod
// finds: the address in the environment, the service account's files.
type Kubernetes struct {
	// URL is https://host:port; plain http only on this machine (kubectl proxy).
	URL string
	// TokenFile is read for every request, because the kubelet renews it.
	TokenFile string
	// CA is the file of the authority, read again when it changes.
	CA string
	// Node is this node's name, for the field kubernetes.node.
	Node string
}

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"

// kubernetes asks the API server.
type kubernetes struct {
	o       Kubernetes
	timeout time.Duration

	mu     sync.Mutex
	client *http.Client
	caTime time.Time // of the file that client trusts
}

func newKubernetes(o Kubernetes, timeout time.Duration) (*kubernetes, error) {
	if o.URL == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return nil, errors.New("container: kubernetes: no url, and KUBERNETES_SERVICE_HOST says that this is no pod")
		}
		o.URL = "https://" + net.JoinHostPort(host, port)
	}
	if o.TokenFile == "" {
		o.TokenFile = existing(serviceAccount + "token")
	}
	if o.CA == "" {
		o.CA = existing(serviceAccount + "ca.crt")
	}
	u, err := url.Parse(o.URL)
	if err == nil && u.User != nil {
		return nil, fmt.Errorf("container: kubernetes url %q: no password here; the token is read from a file", u.Redacted())
	}
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("container: kubernetes url %q: write https://host:port", o.URL)
	}
	if u.Scheme == "http" {
		if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("container: kubernetes url %q: the token would travel in the clear; write https://", o.URL)
		}
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	return &kubernetes{o: o, timeout: timeout}, nil
}

func existing(name string) string {
	if _, err := os.Stat(name); err != nil {
		return ""
	}
	return name
}

func (k *kubernetes) name() string { return "kubernetes" }

// clientNow returns a client that trusts the authority of now.
func (k *kubernetes) clientNow() (*http.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var changed time.Time
	if k.o.CA != "" {
		info, err := os.Stat(k.o.CA)
		if err != nil {
			return nil, fmt.Errorf("the authority: %w", err)
		}
		changed = info.ModTime()
	}
	if k.client != nil && changed.Equal(k.caTime) {
		return k.client, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.o.CA != "" {
		pem, err := os.ReadFile(k.o.CA)
		if err != nil {
			return nil, fmt.Errorf("the authority: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the authority: %s has no certificate in it", k.o.CA)
		}
	}
	if k.client != nil {
		k.client.CloseIdleConnections()
	}
	k.client = &http.Client{
		Timeout:       k.timeout,
		Transport:     &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true, DisableKeepAlives: true},
		CheckRedirect: noRedirect, // the token is for this server
	}
	k.caTime = changed
	return k.client, nil
}

// pod is what is read of a pod's document.
type pod struct {
	Metadata struct {
		UID    string            `json:"uid"`
		Labels map[string]string `json:"labels"`
		Owners []struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		Node       string      `json:"nodeName"`
		Containers []container `json:"containers"`
		Init       []container `json:"initContainers"`
		Ephemeral  []container `json:"ephemeralContainers"`
	} `json:"spec"`
}

type container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

func (k *kubernetes) ask(ctx context.Context, id identity) ([]record.Pair, error) {
	client, err := k.clientNow()
	if err != nil {
		return nil, err
	}
	address := k.o.URL + "/api/v1/namespaces/" + url.PathEscape(id.namespace) + "/pods/" + url.PathEscape(id.pod)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if k.o.TokenFile != "" {
		token, err := os.ReadFile(k.o.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("the token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	var p pod
	if err := answer(client, req, &p); err != nil {
		return nil, err
	}
	// A pod of a stateful set keeps its name when it is made anew. Static pods have
	// another identity in their path than in the API.
	if id.uid != "" && p.Metadata.UID != "" && p.Metadata.UID != id.uid && strings.Count(id.uid, "-") == 4 {
		return nil, errGone
	}
	var out fields
	out.add("kubernetes.node", p.Spec.Node)
	if len(p.Metadata.Owners) > 0 {
		out.add("kubernetes.owner", p.Metadata.Owners[0].Kind+"/"+p.Metadata.Owners[0].Name)
	}
	for _, list := range [][]container{p.Spec.Containers, p.Spec.Init, p.Spec.Ephemeral} {
		for _, c := range list {
			if c.Name == id.name {
				out.add("container.image", c.Image)
			}
		}
	}
	return appendLabels(out, "kubernetes.labels.", p.Metadata.Labels), nil
}
