package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"journalist/internal/auth"
)

// fakeEnroller signs whatever is no "bad" and was not signed before.
type fakeEnroller map[string]bool

func (f fakeEnroller) Check(name string, csr []byte) error {
	switch {
	case string(csr) == "bad":
		return errors.New("no certificate request in PEM form")
	case f[name]:
		return ErrNameTaken
	}
	return nil
}

func (f fakeEnroller) Enroll(name string, csr []byte) (certificate, authority []byte, servers []string, err error) {
	f[name] = true
	return append([]byte("cert of "), csr...), []byte("authority"), []string{":5043"}, nil
}

func TestEnroll(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Enroller = fakeEnroller{} })
	var err error
	if w.tokens["two"], _, err = w.auth.CreateToken(auth.TokenSpec{Name: "two", Scopes: []auth.Scope{auth.Enroll}, Uses: 2}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body string
		want int
	}{
		{`{"name":"a","csr":"bad"}`, http.StatusBadRequest}, // uses nothing up
		{`{"name":"a","csr":"x"}`, http.StatusOK},
		{`{"name":"a","csr":"x"}`, http.StatusConflict}, // nor does this
		{`{"name":"b","csr":"x","more":1}`, http.StatusBadRequest},
		{`{"name":"b","csr":"x"}`, http.StatusOK},
		{`{"name":"c","csr":"x"}`, http.StatusUnauthorized},
	} {
		got := w.do("two", "POST", "/api/v1/enroll", c.body, "Content-Type", "application/json")
		if got.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.body, got.Code, got.Body, c.want)
		}
		if c.want != http.StatusOK {
			continue
		}
		var e enrolled
		if err := json.Unmarshal(got.Body.Bytes(), &e); err != nil || e.Certificate != "cert of x" || e.CA != "authority" || len(e.Servers) != 1 {
			t.Errorf("answer %s: %v", got.Body, err)
		}
	}
	if got := w.do("admin", "POST", "/api/v1/enroll", `{"name":"d","csr":"x"}`, "Content-Type", "application/json"); got.Code != http.StatusOK {
		t.Errorf("admin: %d %s", got.Code, got.Body)
	}
}

func TestEnrollWithoutAuthority(t *testing.T) {
	w := newWorld(t)
	if got := w.do("enroll", "POST", "/api/v1/enroll", `{}`, "Content-Type", "application/json"); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), `"unsupported"`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
