package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

// TestRevokedBeforeItsGreeting: a worker whose certificate is revoked after its stream was
// let in, and before it said who it is, is not taken.
func TestRevokedBeforeItsGreeting(t *testing.T) {
	path := filepath.Join(t.TempDir(), revokedFile)
	s, err := Listen("127.0.0.1:0", SchedulerOptions{Security: Security{Revoked: path}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := &workerConn{hi: greeting("w"), cert: &x509.Certificate{Subject: pkix.Name{CommonName: "w"}, SerialNumber: big.NewInt(7)}}
	if err := s.revoked.check(w.cert); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("serial:7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.reread()
	var no *wire.Refusal
	if err := s.join(w); !errors.As(err, &no) || no.Reason != wire.BadRole {
		t.Error(err)
	}
}

// TestUnreadableRevocations: a file that cannot be looked at is told, also when there was
// none before; that there is none is no error.
func TestUnreadableRevocations(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	r := &revocation{path: filepath.Join(dir, revokedFile)}
	if err := r.read(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.read(); r.news.Load() != 1 || err == nil {
			t.Error("a file where the folder was:", r.news.Load(), err)
		}
	}
}

// guarded is a cluster of whose parts only the worker and the client have a file of revoked certificates, which names nobody yet.
func guarded(t *testing.T) (a *authority, path string, s *Scheduler, w *Worker, c *Client, seen *diary) {
	a, path, seen = newAuthority(t), filepath.Join(t.TempDir(), revokedFile), &diary{}
	looks := func(role string) Security {
		x := a.security(role)
		x.Revoked = path
		return x
	}
	s, err := Listen("127.0.0.1:0", SchedulerOptions{Security: a.security("scheduler"), Beat: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if w, err = Join(context.Background(), s.Addr(), WorkerOptions{Threads: 1, SpillDir: t.TempDir(), Security: looks("worker"), Log: seen.log()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if c, err = Dial(context.Background(), s.Addr(), Options{Security: looks("client")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return a, path, s, w, c, seen
}

// name writes a line into the file.
func name(t *testing.T, path, line string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRevokedAtWorkers: a worker with the file gives nothing to who is named there, at none of its doors, and says so in its
// log; others get what they did.
func TestRevokedAtWorkers(t *testing.T) {
	a, path, s, w, _, seen := guarded(t)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	good, bad := a.sign(t, RoleClient, -time.Hour, time.Hour), a.sign(t, RoleClient, -time.Hour, time.Hour)
	leaf, err := x509.ParseCertificate(bad.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, revoked := range []bool{false, true} {
		for _, d := range doors(s, w) {
			if !d.inside {
				continue
			}
			knock := func(cert *tls.Certificate) error {
				return d.knock(ctx, credentials.NewTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, ServerName: "localhost",
					GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }}))
			}
			if err := knock(good); err != nil {
				t.Errorf("%s: %v", d.name, err)
			}
			if !revoked {
				if err := knock(bad); err != nil {
					t.Errorf("%s: before it was revoked: %v", d.name, err)
				}
				continue
			}
			Until(t, d.name+" is closed", func() bool { err := knock(bad); return err != nil && strings.Contains(err.Error(), "was revoked") })
			if seen.lines("msg=refused", "door="+d.name, "was revoked") == 0 {
				t.Errorf("%s: the log does not tell", d.name)
			}
		}
		name(t, path, "serial:"+leaf.SerialNumber.Text(16))
	}
}

// TestRevokedIsNotCalled: who has the file does not call a worker that is named there.
func TestRevokedIsNotCalled(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	_, path, _, w, c, _ := guarded(t)
	get := func() error {
		return c.peers.Get(context.Background(), w.Addr(), "x", &data.Ticket{Job: 1, Refs: []data.Ref{{Hi: -1}}}, []dtype.Schema{nil}, &receiver{})
	}
	if err := get(); !errors.Is(err, data.ErrGone) {
		t.Fatal(err)
	}
	name(t, path, "weft worker")
	Until(t, "it is not called", func() bool { err := get(); return strings.Contains(err.Error(), "was revoked") })
}

// TestRevokedScheduler: a worker and a client leave a scheduler that is named in their file, and neither goes to it again.
func TestRevokedScheduler(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	_, path, s, w, c, _ := guarded(t)
	name(t, path, "weft scheduler")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	select {
	case <-w.Done():
		if err := w.Wait(); err == nil || !strings.Contains(err.Error(), "was revoked") {
			t.Error("the worker:", err)
		}
	case <-ctx.Done():
		t.Error("the worker goes on")
	}
	Until(t, "the client has left", func() bool {
		_, err := c.State(ctx)
		return err != nil && strings.Contains(err.Error(), "was revoked")
	})
	o := Options{Security: c.opt.Security, Wait: -1}
	for _, wait := range []time.Duration{-1, 0} {
		o.Wait = wait
		if _, err := Dial(ctx, s.Addr(), o); err == nil || !strings.Contains(err.Error(), "was revoked") {
			t.Errorf("another client, which waits for %v: %v", wait, err)
		}
	}
	if _, err := Join(ctx, s.Addr(), WorkerOptions{SpillDir: t.TempDir(), Security: w.opt.Security}); err == nil || !strings.Contains(err.Error(), "was revoked") {
		t.Error("another worker:", err)
	}
}

// TestRevokedWhileAway: a worker whose scheduler is away does not wait for the one that comes, and that is named in its file.
func TestRevokedWhileAway(t *testing.T) {
	a, path := newAuthority(t), filepath.Join(t.TempDir(), revokedFile)
	o, mine := SchedulerOptions{Security: a.security("scheduler"), Journal: t.TempDir()}, a.security("worker")
	mine.Revoked = path
	s, err := Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Join(context.Background(), s.Addr(), WorkerOptions{SpillDir: t.TempDir(), Security: mine})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	Until(t, "it is alone", w.Parted)
	name(t, path, "weft scheduler")
	w.opt.Security.out.reread() // else it may find out when it has a stream
	if s, err = Listen(s.Addr(), o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	select {
	case <-w.Done():
		if err := w.Wait(); err == nil || !strings.Contains(err.Error(), "was revoked") {
			t.Error(err)
		}
	case <-time.After(15 * time.Second):
		t.Error("it goes on trying")
	}
}
