package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/cluster/data"
)

// Security are the certificates of a process: mutual TLS on both planes. The zero
// value is plaintext, which is allowed on the loopback interface only.
type Security struct {
	CA   string // file with the certificates that peers must be signed by
	Cert string // file with the own certificate
	Key  string // file with its key
	// Revoked is a file of certificates that are not valid any more, by lines with a name or serial:NUMBER; see Revoke. It
	// is read again when it changes: whose certificate it names is let in nowhere and called by nobody who has the file.
	// Default: none, but for a scheduler that gives certificates, which has it in the folder of its authority.
	Revoked string
	// Token is a join token (see NewToken) in place of the three: the process has the
	// scheduler, which must give certificates, make one for it, keeps it in memory, and
	// has it renewed in time, for which the token is not needed.
	Token string
	got   *identity
	out   *revocation // what Revoked says, nil if there is no such file
}

func (s Security) none() bool {
	return s.CA == "" && s.Cert == "" && s.Key == "" && s.Token == "" && s.got == nil
}

// pair loads the certificates: own returns the one to show now.
func (s Security) pair() (own func() *tls.Certificate, others *x509.CertPool, err error) {
	if s.got != nil {
		return s.got.pair.Load, s.got.pool, nil
	}
	if s.CA == "" || s.Cert == "" || s.Key == "" {
		return nil, nil, errors.New("cluster: TLS needs a CA, a certificate and a key; 'weft cluster init' makes them")
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("cluster: %s has no certificate in PEM form", s.CA)
	}
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: certificate %s with key %s: %w", s.Cert, s.Key, err)
	}
	return func() *tls.Certificate { return &pair }, pool, nil
}

// server returns what a listener at addr must use. With an issuer those are let in as
// well who have no certificate: every stream says by allow who may do what it is for.
func (s Security) server(addr string, is *issuer) (credentials.TransportCredentials, error) {
	if s.none() {
		return insecure.NewCredentials(), mustLoop(addr)
	}
	own, pool, err := s.pair()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own(), nil }}
	if is != nil {
		c.ClientAuth = tls.VerifyClientCertIfGiven
		pair := *own()
		pair.Certificate = append(slices.Clone(pair.Certificate), is.ca.Raw) // who has a token looks for it
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return credentials.NewTLS(c), nil
}

// client returns what connections to processes of a role must use; addr is where the
// scheduler is.
func (s Security) client(addr, role string) (credentials.TransportCredentials, error) {
	if s.none() {
		return insecure.NewCredentials(), mustLoop(addr)
	}
	own, pool, err := s.pair()
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own(), nil },
		VerifyConnection:     func(cs tls.ConnectionState) error { return s.takes(cs.PeerCertificates[0], role) }}), nil
}

// takes refuses a certificate that has none of the roles, or was revoked.
func (s Security) takes(cert *x509.Certificate, roles ...string) error {
	if err := hasRole(cert, roles...); err != nil {
		return err
	}
	return s.out.refuse(cert)
}

// still refuses a peer whose certificate was revoked since it was called.
func (s Security) still(info credentials.AuthInfo) error {
	if c, ok := info.(credentials.TLSInfo); ok {
		return s.out.refuse(c.State.PeerCertificates[0])
	}
	return nil
}

// peers makes the connections over which blocks come.
func (s Security) peers(creds credentials.TransportCredentials, stall time.Duration) *data.Peers {
	p := data.NewPeers(creds, stall)
	p.Still = s.still
	return p
}

// join gives a token, if there is one, to the scheduler at addr for a certificate of a role,
// with a name and good for the hosts, and returns what connections to it and to workers must
// use. In the log, if there is one, is what goes wrong later.
func (s *Security) join(ctx context.Context, addr, role, name string, hosts []string, log *slog.Logger) (scheduler, worker credentials.TransportCredentials, err error) {
	if err = s.open(log); err != nil {
		return nil, nil, err
	}
	if *s, err = s.enroll(ctx, addr, role, name, hosts); err != nil {
		return nil, nil, err
	}
	if scheduler, err = s.client(addr, RoleScheduler); err != nil {
		return nil, nil, err
	}
	worker, err = s.client(addr, RoleWorker)
	return scheduler, worker, err
}

// mustLoop refuses plaintext anywhere but on the loopback interface.
func mustLoop(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("cluster: address %q: want host:port: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("cluster: %s is not on the loopback interface and there are no certificates: what passes there could be read and changed; make certificates with 'weft cluster init' and give --ca, --cert and --key, or a --token", addr)
}
