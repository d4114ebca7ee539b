package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/internal/effort"
)

// TestTokens: a token gets a certificate of its role for the hosts that were asked for,
// until it expires; a token that was changed at any place, or is another cluster's,
// and requests that are wrong, get nothing.
func TestTokens(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for _, d := range []string{dir, other} {
		if err := InitSecurity(d, nil); err != nil {
			t.Fatal(err)
		}
	}
	is, err := openIssuer(dir)
	if err != nil {
		t.Fatal(err)
	}
	token := func(dir, role string) string {
		text, err := NewToken(dir, role, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good, now := token(dir, RoleWorker), time.Now()
	_, req, err := request("one", []string{"node7", "10.1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string, req []byte, now time.Time) (*x509.Certificate, error) {
		der, err := is.enroll(wire.Encode(enrolment{token, req}), nil, now)
		if err != nil {
			return nil, err
		}
		return x509.ParseCertificate(der)
	}
	for range 2 {
		cert, err := ask(good, req, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := hasRole(cert, RoleWorker); err != nil || hasRole(cert, RoleScheduler, RoleClient) == nil || cert.IsCA || cert.NotAfter.After(now.Add(enrolledFor)) {
			t.Errorf("%v, until %v: %v", cert.Subject, cert.NotAfter, err)
		}
		if err := cert.CheckSignatureFrom(is.ca); err != nil || !slices.Equal(cert.DNSNames, []string{"node7"}) || cert.IPAddresses[0].String() != "10.1.2.3" {
			t.Errorf("for %v and %v: %v", cert.DNSNames, cert.IPAddresses, err)
		}
	}
	for i := range good {
		b := []byte(good)
		if b[i] = 'A'; b[i] == good[i] {
			b[i] = 'B'
		}
		if _, err := ask(string(b), req, now); err == nil {
			t.Errorf("character %d of a token was changed, and it was believed", i)
		}
	}
	big, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bigReq, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, big)
	if err != nil {
		t.Fatal(err)
	}
	_, many, err := request("", slices.Repeat([]string{"node7"}, maxHosts+1))
	if err != nil {
		t.Fatal(err)
	}
	torn := append(slices.Clone(req[:len(req)-1]), req[len(req)-1]^1)
	for text, f := range map[string]func() (*x509.Certificate, error){
		"not of this cluster":               func() (*x509.Certificate, error) { return ask(token(other, RoleWorker), req, now) },
		"the join token expired at":         func() (*x509.Certificate, error) { return ask(good, req, now.Add(time.Hour+time.Second)) },
		"no join token":                     func() (*x509.Certificate, error) { return ask(strings.Repeat("a.", maxToken), req, now) },
		"the request for a certificate":     func() (*x509.Certificate, error) { return ask(good, torn, now) },
		"want a key on the curve P-256":     func() (*x509.Certificate, error) { return ask(good, bigReq, now) },
		"at most 64 hosts":                  func() (*x509.Certificate, error) { return ask(good, many, now) },
		"a request of":                      func() (*x509.Certificate, error) { return ask(good, make([]byte, maxRequest), now) },
		`want "weft-worker"`:                func() (*x509.Certificate, error) { _, err := NewToken(dir, RoleScheduler, time.Hour); return nil, err },
		"a token that is valid for 0s":      func() (*x509.Certificate, error) { _, err := NewToken(dir, RoleClient, 0); return nil, err },
		"the authority in " + dir + "/none": func() (*x509.Certificate, error) { _, err := NewToken(dir+"/none", RoleClient, 1); return nil, err },
	} {
		if cert, err := f(); cert != nil || err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q: %v", text, err)
		}
	}
}

// TestRenewal: who has a certificate gets another one of the same role, name and hosts,
// whatever it asks for, until the first one ends; a scheduler's gets none.
func TestRenewal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	if err := InitSecurity(dir, nil); err != nil {
		t.Fatal(err)
	}
	is, err := openIssuer(dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := NewToken(dir, RoleWorker, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(e enrolment, has *x509.Certificate, now time.Time) (*x509.Certificate, error) {
		der, err := is.enroll(wire.Encode(e), has, now)
		if err != nil {
			return nil, err
		}
		return x509.ParseCertificate(der)
	}
	_, req, err := request("one", []string{"node7"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	first, err := ask(enrolment{token, req}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if left := first.NotAfter.Sub(due(first)); left < enrolledFor*33/100 || left > enrolledFor*34/100 {
		t.Errorf("renewed %v before the end", left)
	}
	_, req, err = request("two", []string{"node8", "10.1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	next, err := ask(enrolment{Request: req}, first, due(first))
	if err != nil {
		t.Fatal(err)
	}
	if !next.NotAfter.After(first.NotAfter) || next.SerialNumber.Cmp(first.SerialNumber) == 0 || next.Subject.String() != first.Subject.String() ||
		!slices.Equal(next.DNSNames, first.DNSNames) || len(next.IPAddresses) != 0 || next.Subject.CommonName != "one" || hasRole(next, RoleWorker) != nil {
		t.Errorf("%v until %v for %v, from %v until %v", next.Subject, next.NotAfter, next.DNSNames, first.Subject, first.NotAfter)
	}
	boss, err := tls.LoadX509KeyPair(filepath.Join(dir, "scheduler.pem"), filepath.Join(dir, "scheduler-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	out := &revocation{path: filepath.Join(dir, revokedFile)}
	for i, name := range []string{"other", fmt.Sprintf("serial:%x", next.SerialNumber), "one"} {
		for range 2 {
			if err := out.read(); err != nil {
				t.Error(err)
			}
		}
		if n := out.news.Load(); n != int64(i+1) {
			t.Errorf("the file was read %d times, and has changed %d times", n, i+1)
		}
		if err := out.check(first); err != nil {
			t.Errorf("before %s was revoked: %v", name, err)
		}
		if err := Revoke(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.read(); err != nil || out.check(first) == nil || out.check(next) == nil || out.check(boss.Leaf) != nil {
		t.Error(err, out.check(first), out.check(next), out.check(boss.Leaf))
	}
	for text, f := range map[string]func() (*x509.Certificate, error){
		"the certificate expired at": func() (*x509.Certificate, error) {
			return ask(enrolment{Request: req}, first, now.Add(enrolledFor+time.Hour))
		},
		"no join token":                  func() (*x509.Certificate, error) { return ask(enrolment{Request: req}, nil, now) },
		"[weft-worker weft-client] is n": func() (*x509.Certificate, error) { return ask(enrolment{Request: req}, boss.Leaf, now) },
	} {
		if cert, err := f(); cert != nil || err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q: %v", text, err)
		}
	}
}

// TestCertificatesAreRenewed: a process that has joined with a token works on when its first
// certificate has ended, though the token has too.
func TestCertificatesAreRenewed(t *testing.T) {
	effort.Long(t, "certificates, which have whole seconds, come to their end")
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "certs")
	if err := InitSecurity(dir, nil); err != nil {
		t.Fatal(err)
	}
	s, err := Listen("127.0.0.1:0", SchedulerOptions{Issue: dir, Enrolled: 6 * time.Second,
		Security: Security{CA: dir + "/ca.pem", Cert: dir + "/scheduler.pem", Key: dir + "/scheduler-key.pem"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	token := func(role string) Security { // lasts as long as joining may take on a busy machine
		tok, err := NewToken(dir, role, 4*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return Security{Token: tok}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	w, err := Join(ctx, s.Addr(), WorkerOptions{Threads: 1, SpillDir: t.TempDir(), Security: token(RoleWorker)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c, err := Dial(ctx, s.Addr(), Options{Security: token(RoleClient)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	both := []*identity{w.opt.Security.got, c.opt.Security.got}
	first := []time.Time{both[0].pair.Load().Leaf.NotAfter, both[1].pair.Load().Leaf.NotAfter}
	for i, got := range both {
		Until(t, "the first certificate has ended", func() bool { return time.Now().After(first[i]) })
		Until(t, "it is renewed", func() bool { return time.Now().Before(got.pair.Load().Leaf.NotAfter) })
	}
	conn, err := tls.Dial("tcp", w.Addr(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return c.opt.Security.got.pair.Load(), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	shown := conn.ConnectionState().PeerCertificates[0]
	if time.Now().After(shown.NotAfter) || shown.Subject.CommonName != w.Name() {
		t.Errorf("the worker shows a certificate of %s until %v", shown.Subject.CommonName, shown.NotAfter)
	}
}

// TestOnlyEnrolWithoutCertificate: where tokens are taken, a process without a
// certificate can ask for one and do nothing else.
func TestOnlyEnrolWithoutCertificate(t *testing.T) {
	dir := t.TempDir() + "/certs"
	if err := InitSecurity(dir, nil); err != nil {
		t.Fatal(err)
	}
	s, err := Listen("127.0.0.1:0", SchedulerOptions{Issue: dir,
		Security: Security{CA: dir + "/ca.pem", Cert: dir + "/scheduler.pem", Key: dir + "/scheduler-key.pem"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nobody := credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	for _, what := range []string{"Worker", "Client"} {
		c := callWith(t, s, what, nobody)
		c.say(wire.Record{Kind: wire.Hello, Data: wire.Encode(greeting("x"))})
		if r, err := c.until(wire.Refused); err != nil || r.Class != wire.BadRole || !strings.Contains(r.Text, "no certificate") {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
	c := callWith(t, s, "Enroll", nobody)
	c.send([]byte("rubbish"))
	var b []byte
	var out enrolled
	if err := c.st.RecvMsg(&b); err != nil || wire.Decode(b, &out) != nil || out.Cert != nil || out.Err == "" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := Listen("127.0.0.1:0", SchedulerOptions{Issue: dir}); err == nil || !strings.Contains(err.Error(), "needs its own") {
		t.Error(err)
	}
}
