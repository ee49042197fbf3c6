package container

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	id       = "4fa6e0f0c6786287e131c3852c58a2e01cc697a68231826813597e4994f1d6e2"
	jsonFile = "/var/lib/docker/containers/" + id + "/" + id + "-json.log"
	uid      = "0f5b9d0e-8a0c-4c8e-9d2f-3b7b1c2d4e5f"
	podFile  = "/var/log/pods/shop_checkout-7d9f6c5b8-x2x9k_" + uid + "/app/0.log"
)

func show(pairs []record.Pair) string {
	var b strings.Builder
	for _, p := range pairs {
		fmt.Fprintf(&b, "%s=%s;", p.Name, p.Value)
	}
	return b.String()
}

func TestPaths(t *testing.T) {
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	pod := "kubernetes.namespace=shop;kubernetes.pod=checkout-7d9f6c5b8-x2x9k;kubernetes.container=app;"
	for path, want := range map[string]string{
		jsonFile:           "container.id=" + id + ";",
		jsonFile + ".1":    "container.id=" + id + ";",
		jsonFile + ".2.gz": "container.id=" + id + ";",
		"/mnt/docker/containers/" + id + "/" + id + "-json.log":           "container.id=" + id + ";",
		`C:\ProgramData\docker\containers\` + id + `\` + id + `-json.log`: "container.id=" + id + ";",
		podFile:                         pod,
		podFile + ".20260131-120000.gz": pod,
		"/var/log/pods/shop_checkout-7d9f6c5b8-x2x9k_" + uid + "/app/12.log.20260131-120000": pod,
		"/var/log/containers/checkout-7d9f6c5b8-x2x9k_shop_app-" + id + ".log":               "container.id=" + id + ";" + pod,
		"/var/log/containers/a_b_with-dash-" + id + ".log":                                   "container.id=" + id + ";kubernetes.namespace=b;kubernetes.pod=a;kubernetes.container=with-dash;",
		"/var/log/syslog":                                 "",
		"/var/log/pods/shop_x/app/0.log":                  "",
		"/var/log/pods/_x_y/app/0.log":                    "",
		"/var/log/pods/shop_x_y/app/app.log":              "",
		"/var/log/containers/app.log":                     "",
		"/var/log/containers/a_b_c-123.log":               "",
		"/var/lib/docker/containers/" + id + "/other.log": "",
		"/var/lib/docker/containers/" + strings.ToUpper(id) + "/" + strings.ToUpper(id) + "-json.log": "",
		"":             "",
		"relative.log": "",
	} {
		if got := show(e.Enrich(path)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// running runs an Enricher.
func running(t *testing.T, o Options) *Enricher {
	t.Helper()
	if o.Wait == 0 {
		o.Wait = 20 * time.Second // the answer always comes first
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// dockerAt serves Docker's API on a socket.
func dockerAt(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	s.Start()
	t.Cleanup(s.Close)
	return "unix://" + name
}

// eventually asks until the answer is as wanted.
func eventually(t *testing.T, e *Enricher, path, want string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		got := show(e.Enrich(path))
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s, want %s; %+v", got, want, e.Status())
		}
		time.Sleep(time.Millisecond)
	}
}

const inDocker = "container.id=" + id + ";container.name=shop-web-1;container.image=nginx:1.27;container.labels.com.docker.compose.project=shop;" +
	"container.labels.com.docker.compose.service=web;container.labels.maintainer=NGINX Docker Maintainers <docker-maint@nginx.com>;"

func TestDocker(t *testing.T) {
	doc := recorded(t, "docker.json")
	var asked atomic.Int64
	e := running(t, Options{Docker: dockerAt(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/containers/"+id+"/json" {
			http.Error(w, `{"message":"No such container"}`, http.StatusNotFound)
			return
		}
		_, _ = w.Write(doc) // the client tells
	})})
	for _, path := range []string{jsonFile, jsonFile, jsonFile + ".1"} {
		if got := show(e.Enrich(path)); got != inDocker {
			t.Errorf("%s: %s", path, got)
		}
	}
	other := strings.Repeat("0", 64)
	gone := "/x/containers/" + other + "/" + other + "-json.log"
	for range 3 {
		if got := show(e.Enrich(gone)); got != "container.id="+other+";" {
			t.Errorf("one that is gone: %s", got)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
	if st := e.Status(); st.Known != 2 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
	a, b := e.Enrich(jsonFile), e.Enrich(jsonFile)
	if &a[0] != &b[0] {
		t.Error("the slice is another one although nothing is new")
	}
}

// A Docker that does not answer holds nobody up for long, and its answer is used
// when it comes.
func TestSlow(t *testing.T) {
	doc := recorded(t, "docker.json")
	release := make(chan struct{})
	e := running(t, Options{Wait: time.Millisecond, Timeout: 20 * time.Second, Docker: dockerAt(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = w.Write(doc) // the client tells
	})})
	if got := show(e.Enrich(jsonFile)); got != "container.id="+id+";" {
		t.Errorf("at first: %s", got)
	}
	e.o.Wait = time.Hour // nobody waits for one that was slow before
	for i := range 2000 {
		other := fmt.Sprintf("%064x", i)
		e.Enrich("/x/containers/" + other + "/" + other + "-json.log")
	}
	close(release)
	eventually(t, e, jsonFile, inDocker)
}

// One that fails is asked again.
func TestFails(t *testing.T) {
	doc := recorded(t, "docker.json")
	var n atomic.Int64
	e := running(t, Options{MinRetry: time.Millisecond, MaxRetry: 2 * time.Millisecond, Docker: dockerAt(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) {
		case 1:
			http.Error(w, "no", http.StatusInternalServerError)
		case 2:
			http.Redirect(w, &http.Request{}, "http://elsewhere/", http.StatusFound)
		case 3:
			_, _ = w.Write(bytes.Repeat([]byte(" "), maxAnswer+10)) // the client tells
		case 4:
			_, _ = w.Write([]byte("<html>")) // the client tells
		case 5:
			_, _ = w.Write([]byte(`{"Id":"another"}`)) // the client tells
		default:
			_, _ = w.Write(doc) // the client tells
		}
	})})
	eventually(t, e, jsonFile, inDocker)
	if st := e.Status(); st.Failed != 5 || st.LastError == "" {
		t.Errorf("%+v", st)
	}
}

// What is remembered is bounded.
func TestLimit(t *testing.T) {
	e, err := New(Options{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		other := fmt.Sprintf("%064x", i)
		e.Enrich("/x/containers/" + other + "/" + other + "-json.log")
	}
	if st := e.Status(); st.Known != 10 {
		t.Errorf("%+v", st)
	}
}

func TestKubernetes(t *testing.T) {
	doc := recorded(t, "pod.json")
	dir := t.TempDir()
	token, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca.crt")
	const secret = "eyJhbGciOi-the-token"
	var wanted atomic.Value
	wanted.Store("Bearer " + secret)
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != wanted.Load():
			http.Error(w, `{"kind":"Status","reason":"Unauthorized"}`, http.StatusUnauthorized)
		case r.URL.Path != "/api/v1/namespaces/shop/pods/checkout-7d9f6c5b8-x2x9k":
			http.NotFound(w, r)
		default:
			_, _ = w.Write(doc) // the client tells
		}
	}))
	defer api.Close()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(token, secret+"\n")
	write(ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})))
	var log bytes.Buffer
	e := running(t, Options{
		Kubernetes: &Kubernetes{URL: api.URL, TokenFile: token, CA: ca, Node: "node-b"},
		MinRetry:   time.Millisecond, MaxRetry: 2 * time.Millisecond, TTL: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	want := "kubernetes.namespace=shop;kubernetes.pod=checkout-7d9f6c5b8-x2x9k;kubernetes.container=app;kubernetes.node=node-a;" +
		"kubernetes.owner=ReplicaSet/checkout-7d9f6c5b8;container.image=registry.example.com/checkout:1.4.2;" +
		"kubernetes.labels.app=checkout;kubernetes.labels.app.kubernetes.io/part-of=shop;kubernetes.labels.pod-template-hash=7d9f6c5b8;"
	if got := show(e.Enrich(podFile)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// A pod of the same name that was made anew is not this one.
	if got := show(e.Enrich(strings.Replace(podFile, "0f5b", "1111", 1))); strings.Contains(got, "labels") || !strings.Contains(got, "kubernetes.node=node-b;") {
		t.Errorf("%s", got)
	}
	// The token is renewed; in between nothing that is known is forgotten.
	wanted.Store("Bearer renewed")
	deadline := time.Now().Add(20 * time.Second)
	for e.Status().Failed == 0 && time.Now().Before(deadline) {
		if got := show(e.Enrich(podFile)); got != want {
			t.Fatalf("%s\nwant %s", got, want)
		}
		time.Sleep(time.Millisecond)
	}
	if st := e.Status(); !strings.Contains(st.LastError, "right to get pods") || strings.Contains(st.LastError, secret) {
		t.Errorf("%+v", st)
	}
	write(token, "renewed")
	failed := int64(-1)
	for failed != e.Status().Failed && time.Now().Before(deadline) {
		failed = e.Status().Failed
		asked := e.Status().Asked
		for e.Status().Asked < asked+2 && time.Now().Before(deadline) {
			e.Enrich(podFile)
			time.Sleep(time.Millisecond)
		}
	}
	if failed != e.Status().Failed {
		t.Errorf("the renewed token is not used: %+v", e.Status())
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the token is in the log")
	}
}

func TestKubernetesRefuses(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for _, u := range []string{"", "http://10.0.0.1:8001", "kubernetes", "ftp://x", "https://user:pw@x"} {
		if _, err := New(Options{Kubernetes: &Kubernetes{URL: u}}); err == nil || strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: %v", u, err)
		}
	}
	if _, err := New(Options{Kubernetes: &Kubernetes{URL: "http://127.0.0.1:8001"}}); err != nil {
		t.Error(err)
	}
	if _, err := New(Options{Docker: "tcp://10.0.0.1:2375"}); err == nil {
		t.Error("Docker over the network is taken")
	}
	// An authority that did not sign the server.
	api := httptest.NewTLSServer(http.NotFoundHandler())
	defer api.Close()
	api.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	e := running(t, Options{Kubernetes: &Kubernetes{URL: api.URL}})
	e.Enrich(podFile)
	if st := e.Status(); !strings.Contains(st.LastError, "certificate") {
		t.Errorf("%+v", st)
	}
}

func TestCheck(t *testing.T) {
	status := http.StatusNotFound
	e, err := New(Options{Docker: dockerAt(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Check(t.Context()); err != nil {
		t.Error(err)
	}
	status = http.StatusForbidden
	if err := e.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "docker: 403") {
		t.Error(err)
	}
	if e, err = New(Options{Docker: "unix:///nothing/docker.sock"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Check(t.Context()); err == nil {
		t.Error("a socket that is not there")
	}
}

func TestLabelsAreBounded(t *testing.T) {
	labels := map[string]string{"": "x", "long": strings.Repeat("ä", 4000), strings.Repeat("n", 300): "x"}
	for i := range 100 {
		labels[fmt.Sprintf("l%03d", i)] = "v"
	}
	pairs := appendLabels(nil, "p.", labels)
	if len(pairs) != maxLabels || pairs[0].Name != "p.l000" {
		t.Errorf("%d pairs, %v", len(pairs), pairs[0])
	}
	pairs = appendLabels(nil, "p.", map[string]string{"long": strings.Repeat("ä", 4000)})
	if len(pairs[0].Value) != maxLabelValue {
		t.Errorf("%d bytes", len(pairs[0].Value))
	}
}

func FuzzPath(f *testing.F) {
	f.Add(jsonFile)
	f.Add(podFile)
	f.Fuzz(func(t *testing.T, path string) {
		if id, ok := parsePath(path); ok && id.container == "" && id.pod == "" {
			t.Fatalf("%q: %+v", path, id)
		}
	})
}

func BenchmarkEnrich(b *testing.B) {
	e, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e.Enrich(podFile)
	}
}
