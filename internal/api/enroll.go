package api

import (
	"errors"
	"net/http"

	"journalist/internal/auth"
)

// Enroller gives forwarders their certificates.
type Enroller interface {
	// Check tells what is wrong with a name and a certificate request in PEM form;
	// ErrNameTaken as Enroll.
	Check(name string, csr []byte) error
	// Enroll signs them; the error is ErrNameTaken when a forwarder of that name is
	// there. authority is the certificate authority, servers are the addresses that
	// lines are sent to.
	Enroll(name string, csr []byte) (certificate, authority []byte, servers []string, err error)
}

// ErrNameTaken is what an Enroller answers when a forwarder has the name.
var ErrNameTaken = errors.New("a forwarder of this name has a certificate")

// enrolled is the answer to a forwarder that was let in.
type enrolled struct {
	Certificate string   `json:"certificate"`
	CA          string   `json:"ca"`
	Servers     []string `json:"servers"`
}

// enroll signs a forwarder's certificate. Its token is used up before, so that one
// that is good for one forwarder never lets in two.
func (s *Server) enroll(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string `json:"name"`
		CSR  string `json:"csr"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if s.o.Enroller == nil {
		return &Error{Status: http.StatusNotFound, Kind: "unsupported", Message: "this server has no certificate authority"}
	}
	if err := s.o.Enroller.Check(in.Name, []byte(in.CSR)); err != nil {
		return enrollError(in.Name, err, badRequest(err.Error(), ""))
	}
	by := principalOf(r)
	// Without a token it is an administrator's session.
	if secret, ok := tokenOf(r.Header.Get("Authorization"), ours); ok {
		var err error
		if by, err = s.o.Auth.Spend(secret); errors.Is(err, auth.ErrUnknown) || errors.Is(err, auth.ErrExpired) {
			return s.refuse(r, ours, "the token is "+reason(err), err)
		} else if err != nil {
			return err
		}
	}
	cert, ca, servers, err := s.o.Enroller.Enroll(in.Name, []byte(in.CSR))
	if err != nil {
		return enrollError(in.Name, err, err)
	}
	s.log.Info("a forwarder was enrolled", "forwarder", in.Name, "by", by.Name, "from", r.RemoteAddr)
	return writeValue(w, enrolled{string(cert), string(ca), servers})
}

// enrollError is the answer to a name that is taken, and otherwise to every other
// error.
func enrollError(name string, err, otherwise error) error {
	if !errors.Is(err, ErrNameTaken) {
		return otherwise
	}
	return &Error{
		Status: http.StatusConflict, Kind: "conflict", Message: "a forwarder called " + name + " has a certificate already",
		Hint: "choose another name with --name, or revoke the old one: journalist cert revoke " + name,
	}
}
