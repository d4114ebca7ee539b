package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	grpcpeer "google.golang.org/grpc/peer"

	"github.com/weft-data/weft/cluster/wire"
)

// Roles of certificates. A process may do what its role says and nothing else: only
// workers join as workers, only clients submit jobs; both read blocks.
const (
	RoleScheduler = "weft-scheduler"
	RoleWorker    = "weft-worker"
	RoleClient    = "weft-client"
)

// certDays is how long certificates are valid; a CA is ten times as long.
const certDays = 365

// InitSecurity makes a certificate authority and one certificate for each role in
// a new folder: ca.pem and ca-key.pem, scheduler.pem and scheduler-key.pem, and so
// on, and the key that join tokens are signed with (NewToken). Certificates of scheduler
// and workers are good for the given host names and addresses, which those who connect
// check, and for the loopback interface. The key of the CA is needed only to make more
// certificates: keep it where they are made.
func InitSecurity(dir string, hosts []string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ca.pem")); err == nil {
		return fmt.Errorf("cluster: %s has certificates already: choose another folder", dir)
	}
	ca, caKey, err := issue(dir, "ca", nil, nil, nil)
	if err != nil {
		return err
	}
	for _, role := range []string{RoleScheduler, RoleWorker, RoleClient} {
		if _, _, err := issue(dir, role[len("weft-"):], ca, caKey, append(slices.Clone(loopback), hosts...)); err != nil {
			return err
		}
	}
	return newTokenKey(dir)
}

// loopback are the names of this machine for itself.
var loopback = []string{"localhost", "127.0.0.1", "::1"}

// clockSkew is how far the clocks of a cluster may be apart: a certificate is valid from so
// long before it was made.
const clockSkew = time.Hour

// certificate words a certificate for a role, without hosts.
func certificate(role string, until time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "weft " + role[len("weft-"):], OrganizationalUnit: []string{role}},
		NotBefore: time.Now().Add(-clockSkew), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}, nil
}

// split sorts hosts into names and addresses.
func split(hosts []string) (names []string, ips []net.IP) {
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			ips = append(ips, ip)
		} else {
			names = append(names, h)
		}
	}
	return names, ips
}

// issue makes a key and a certificate signed by ca, or a CA if that is nil.
func issue(dir, name string, ca *x509.Certificate, caKey *ecdsa.PrivateKey, hosts []string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	t, err := certificate("weft-"+name, time.Now().AddDate(0, 0, certDays))
	if err != nil {
		return nil, nil, err
	}
	t.DNSNames, t.IPAddresses = split(hosts)
	parent, signer := ca, caKey
	if ca == nil {
		t.IsCA, t.KeyUsage, t.ExtKeyUsage, t.NotAfter = true, x509.KeyUsageCertSign, nil, time.Now().AddDate(0, 0, 10*certDays)
		parent, signer = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	err = errors.Join(writePEM(filepath.Join(dir, name+".pem"), "CERTIFICATE", der, 0o644), writePEM(filepath.Join(dir, name+"-key.pem"), "PRIVATE KEY", pkcs, 0o600))
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return writeNew(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

// writeNew writes a file under another name and renames it.
func writeNew(path string, b []byte, mode os.FileMode) error {
	other := path + ".new"
	if err := os.WriteFile(other, b, mode); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return os.Rename(other, path)
}

// allow refuses a peer whose certificate has none of the roles, or was revoked. Without TLS, on
// the loopback interface, everybody may do everything.
func (s Security) allow(ctx context.Context, roles ...string) error {
	if s.none() {
		return nil
	}
	cert := shown(ctx)
	if cert == nil {
		return &wire.Refusal{Reason: wire.BadRole, Text: "cluster: the peer has no certificate"}
	}
	return s.takes(cert, roles...)
}

// shown returns the certificate that the peer of a stream has shown, nil if it has none.
func shown(ctx context.Context) *x509.Certificate {
	p, ok := grpcpeer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}

// audit notes in a log who was not let in, where, and why; name is what it calls itself, if it came to say that.
func audit(ctx context.Context, log *slog.Logger, name string, err error) {
	door, from, cert := "blocks", "", ""
	if m, ok := grpc.Method(ctx); ok {
		door = path.Base(m)
	}
	if p, ok := grpcpeer.FromContext(ctx); ok {
		from = p.Addr.String()
	}
	if c := shown(ctx); c != nil {
		cert = fmt.Sprintf("%s (serial:%x)", c.Subject.CommonName, c.SerialNumber)
	}
	log.Warn("refused", "door", door, "addr", from, "cert", cert, "name", name, "why", err)
}

// hasRole refuses a certificate that is for none of the roles.
func hasRole(cert *x509.Certificate, roles ...string) error {
	have := cert.Subject.OrganizationalUnit
	for _, r := range roles {
		if slices.Contains(have, r) {
			return nil
		}
	}
	return &wire.Refusal{Reason: wire.BadRole, Text: fmt.Sprintf("cluster: a certificate for %v was shown, one for %v is needed", have, roles)}
}
