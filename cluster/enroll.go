package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/weft-data/weft/cluster/wire"
)

// A join token stands for the permission to have a certificate of a role until a time.
// A worker or client that has one makes a key, and sends the token with a request for
// a certificate to the scheduler, which signs it (SchedulerOptions.Issue). The token
// names the cluster's authority, so that it is shown to nobody else. Before the end of its
// certificate the process asks for another one of the same role, name and hosts, and shows
// the one it has in place of the token.
//
//	weft1.CLAIM.SIGN   both in base64: the canonical bytes of a claim, and their
//	                   HMAC-SHA-256 (RFC 2104) with the cluster's token key

// A claim is what a token says.
type claim struct {
	Role    string
	Expires int64             // seconds since 1970
	Number  uint64            // so that no two tokens are the same
	CA      [sha256.Size]byte // SHA-256 of the authority's certificate
}

const (
	tokenPrefix = "weft1"
	tokenKey    = "token-key" // file, in the folder of InitSecurity
	maxToken    = 4 << 10     // bytes of a token
	maxRequest  = 64 << 10    // bytes of a request
	maxHosts    = 64          // names and addresses of a certificate
	maxName     = 255         // bytes of the name in a certificate
)

// enrolledFor is how long a certificate is valid that a token was given for, and how long
// one that was renewed.
const enrolledFor = 30 * 24 * time.Hour

var base64url = base64.RawURLEncoding.Strict()

func sign(key, claim []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(claim)
	return h.Sum(nil)
}

// NewToken makes a join token for a role (RoleWorker, RoleClient) from the folder of
// InitSecurity. It may be used any number of times until it expires.
func NewToken(dir, role string, valid time.Duration) (string, error) {
	if role != RoleWorker && role != RoleClient {
		return "", fmt.Errorf("cluster: a token for %q: want %q or %q", role, RoleWorker, RoleClient)
	}
	if valid <= 0 {
		return "", fmt.Errorf("cluster: a token that is valid for %v", valid)
	}
	is, err := openIssuer(dir)
	if err != nil {
		return "", err
	}
	b := wire.Encode(claim{Role: role, Expires: time.Now().Add(valid).Unix(), Number: lifeNumber(), CA: sha256.Sum256(is.ca.Raw)})
	return strings.Join([]string{tokenPrefix, base64url.EncodeToString(b), base64url.EncodeToString(sign(is.key, b))}, "."), nil
}

// parseToken takes a token apart; whether it is genuine only the issuer knows.
func parseToken(text string) (c claim, raw, mac []byte, err error) {
	bad := errors.New("cluster: this is no join token: want what 'weft cluster token' has printed")
	part := strings.Split(strings.TrimSpace(text), ".")
	if len(text) > maxToken || len(part) != 3 || part[0] != tokenPrefix {
		return c, nil, nil, bad
	}
	if raw, err = base64url.DecodeString(part[1]); err == nil {
		mac, err = base64url.DecodeString(part[2])
	}
	if err == nil {
		err = wire.Decode(raw, &c)
	}
	if err != nil {
		return c, nil, nil, bad
	}
	return c, raw, mac, nil
}

// An issuer signs certificates for tokens.
type issuer struct {
	ca    *x509.Certificate
	caKey *ecdsa.PrivateKey
	key   []byte // of tokens
	valid time.Duration
}

// openIssuer reads the authority and the token key from the folder of InitSecurity.
func openIssuer(dir string) (*issuer, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		return nil, fmt.Errorf("cluster: the authority in %s: %w", dir, err)
	}
	is := &issuer{valid: enrolledFor}
	var ok bool
	if is.caKey, ok = pair.PrivateKey.(*ecdsa.PrivateKey); !ok {
		return nil, fmt.Errorf("cluster: the key of the authority in %s is not one that 'weft cluster init' makes", dir)
	}
	if is.ca, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
		return nil, fmt.Errorf("cluster: the authority in %s: %w", dir, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, tokenKey))
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if is.key, err = base64url.DecodeString(strings.TrimSpace(string(b))); err != nil || len(is.key) < 32 {
		return nil, fmt.Errorf("cluster: %s in %s is not what 'weft cluster init' makes", tokenKey, dir)
	}
	return is, nil
}

// An enrolment asks for a certificate.
type enrolment struct {
	Token   string // empty: the peer's certificate is to be renewed
	Request []byte // PKCS #10, DER
}

// An enrolled is the answer: a certificate, or why there is none.
type enrolled struct {
	Cert []byte // DER
	Err  string
}

// answer judges a request.
func (is *issuer) answer(b []byte, has *x509.Certificate, now time.Time) (out enrolled) {
	cert, err := is.enroll(b, has, now)
	if err != nil {
		return enrolled{Err: err.Error()}
	}
	return enrolled{Cert: cert}
}

// enroll makes the certificate that is asked for, by a process that has shown one, or none.
func (is *issuer) enroll(b []byte, has *x509.Certificate, now time.Time) ([]byte, error) {
	var ask enrolment
	if len(b) > maxRequest {
		return nil, fmt.Errorf("cluster: a request of %d bytes, at most %d are allowed", len(b), maxRequest)
	}
	if err := wire.Decode(b, &ask); err != nil {
		return nil, err
	}
	role, err := is.permit(ask.Token, has, now)
	if err != nil {
		return nil, err
	}
	req, err := x509.ParseCertificateRequest(ask.Request)
	if err == nil {
		err = req.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("cluster: the request for a certificate: %w", err)
	}
	if key, ok := req.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() || len(req.DNSNames)+len(req.IPAddresses) > maxHosts || len(req.Subject.CommonName) > maxName {
		return nil, fmt.Errorf("cluster: the request for a certificate: want a key on the curve P-256, a name of at most %d bytes and at most %d hosts", maxName, maxHosts)
	}
	t, err := certificate(role, now.Add(is.valid))
	if err != nil {
		return nil, err
	}
	t.Subject.CommonName, t.DNSNames, t.IPAddresses = req.Subject.CommonName, req.DNSNames, req.IPAddresses
	if ask.Token == "" {
		t.Subject.CommonName, t.DNSNames, t.IPAddresses = has.Subject.CommonName, has.DNSNames, has.IPAddresses
	}
	return x509.CreateCertificate(rand.Reader, t, is.ca, req.PublicKey, is.caKey)
}

// permit returns the role that a token stands for, or without one that of the certificate
// that is to be renewed.
func (is *issuer) permit(token string, has *x509.Certificate, now time.Time) (string, error) {
	if token == "" && has != nil {
		if now.After(has.NotAfter) {
			return "", fmt.Errorf("cluster: the certificate expired at %s: a join token is needed", has.NotAfter.UTC().Format(time.RFC3339))
		}
		role := has.Subject.OrganizationalUnit
		if len(role) != 1 {
			role = []string{""}
		}
		return role[0], hasRole(has, RoleWorker, RoleClient)
	}
	c, raw, mac, err := parseToken(token)
	switch {
	case err != nil:
		return "", err
	case !hmac.Equal(mac, sign(is.key, raw)): // in constant time
		return "", errors.New("cluster: the join token is not of this cluster")
	case now.Unix() >= c.Expires:
		return "", fmt.Errorf("cluster: the join token expired at %s: make another one with 'weft cluster token'", time.Unix(c.Expires, 0).UTC().Format(time.RFC3339))
	}
	return c.Role, nil
}

// serveEnroll answers one who has no certificate yet, or whose certificate will end.
func (s *Scheduler) serveEnroll(st grpc.ServerStream) error {
	b, err := s.first(st)
	if err != nil {
		return err
	}
	out := enrolled{Err: "cluster: this scheduler gives no certificates: start it with --issue"}
	has := shown(st.Context())
	if s.issuer != nil {
		out = s.issuer.answer(b, has, time.Now())
	}
	if err := s.revoked.check(has); err != nil {
		out = enrolled{Err: err.Error()}
	}
	s.opt.Log.Info("a certificate was asked for", "refused", out.Err)
	b = wire.Encode(out)
	return st.SendMsg(&b)
}

// An identity is what a process that has no files shows and believes.
type identity struct {
	pair atomic.Pointer[tls.Certificate]
	pool *x509.CertPool
}

// keep has a certificate.
func (id *identity) keep(der []byte, key *ecdsa.PrivateKey) error {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("cluster: the certificate from the scheduler: %w", err)
	}
	id.pair.Store(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf})
	return nil
}

// due is when a certificate is renewed: when a third of its time is left.
func due(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(-(c.NotAfter.Sub(c.NotBefore) - clockSkew) / 3)
}

// renewing renews the certificate that a token was given for, as long as the process lives:
// connections that are made from then on show the new one. creds are for the scheduler.
func (s Security) renewing(live context.Context, addr string, creds credentials.TransportCredentials, failed func(error)) {
	if s.got == nil {
		return
	}
	least := time.Second
	for {
		left := time.Until(due(s.got.pair.Load().Leaf))
		select {
		case <-live.Done():
			return
		case <-time.After(max(min(left, time.Hour), least)): // a machine may have slept
		}
		least = time.Second
		if time.Now().Before(due(s.got.pair.Load().Leaf)) {
			continue
		}
		if err := s.got.renew(live, addr, creds); err != nil && live.Err() == nil {
			failed(err)
			least = renewAgain
		}
	}
}

// renewAgain is how long after a failure it is tried again.
const renewAgain = time.Minute

// renew asks the scheduler for another certificate, of the same role, name and hosts.
func (id *identity) renew(ctx context.Context, addr string, creds credentials.TransportCredentials) error {
	key, req, err := request("", nil)
	if err != nil {
		return err
	}
	der, err := exchange(ctx, addr, creds, enrolment{Request: req})
	if err != nil {
		return err
	}
	return id.keep(der, key)
}

// enroll gives a token to the scheduler at addr for a certificate of a role, with a name
// and good for the hosts. Without a token it changes nothing.
func (s Security) enroll(ctx context.Context, addr, role, name string, hosts []string) (Security, error) {
	if s.Token == "" {
		return s, nil
	}
	c, _, _, err := parseToken(s.Token)
	switch {
	case err != nil:
		return s, err
	case c.Role != role:
		return s, fmt.Errorf("cluster: the join token is for the role %s, one for %s is needed", c.Role, role)
	case s.CA != "" || s.Cert != "" || s.Key != "":
		return s, errors.New("cluster: a join token stands in place of CA, certificate and key")
	}
	id := &identity{pool: x509.NewCertPool()}
	key, req, err := request(name, hosts)
	if err != nil {
		return s, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return s, fmt.Errorf("cluster: address %q: want host:port: %w", addr, err)
	}
	creds := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, // the token says whom to believe
		VerifyConnection: func(cs tls.ConnectionState) error {
			at := slices.IndexFunc(cs.PeerCertificates, func(x *x509.Certificate) bool { return sha256.Sum256(x.Raw) == c.CA })
			if at < 0 {
				return errors.New("cluster: the scheduler does not show the authority that the join token names: it is another cluster's, or was started without --issue")
			}
			id.pool.AddCert(cs.PeerCertificates[at])
			_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: id.pool})
			return errors.Join(err, s.takes(cs.PeerCertificates[0], RoleScheduler))
		}})
	der, err := exchange(ctx, addr, creds, enrolment{Token: s.Token, Request: req})
	if err != nil {
		return s, err
	}
	s.got = id
	return s, id.keep(der, key)
}

// request makes a key and a request for its certificate.
func request(name string, hosts []string) (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	t := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}
	t.DNSNames, t.IPAddresses = split(hosts)
	req, err := x509.CreateCertificateRequest(rand.Reader, t, key)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	return key, req, nil
}

// exchange sends a request on a connection of its own and waits for the certificate.
func exchange(ctx context.Context, addr string, creds credentials.TransportCredentials, ask enrolment) (der []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cluster: a certificate from the scheduler at %s: %w", addr, err)
		}
	}()
	conn, err := dialControl(addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	st, err := conn.NewStream(ctx, &bidi, "/"+service+"/Enroll")
	b := wire.Encode(ask)
	if err == nil {
		err = st.SendMsg(&b)
	}
	b = nil
	if err == nil {
		err = st.RecvMsg(&b)
	}
	var out enrolled
	if err == nil {
		err = wire.Decode(b, &out)
	}
	if err == nil && out.Err != "" {
		err = errors.New(out.Err)
	}
	return out.Cert, err
}

// newTokenKey draws what the tokens of a cluster are signed with.
func newTokenKey(dir string) error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return writeNew(filepath.Join(dir, tokenKey), []byte(base64url.EncodeToString(key)+"\n"), 0o600)
}
