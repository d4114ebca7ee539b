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
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

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
// on. Certificates of scheduler and workers are good for the given host names and
// addresses, which those who connect check, and for the loopback interface. The
// key of the CA is needed only to make more certificates: keep it elsewhere.
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
		if _, _, err := issue(dir, role[len("weft-"):], ca, caKey, append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)); err != nil {
			return err
		}
	}
	return nil
}

// issue makes a key and a certificate signed by ca, or a CA if that is nil.
func issue(dir, name string, ca *x509.Certificate, caKey *ecdsa.PrivateKey, hosts []string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "weft " + name, OrganizationalUnit: []string{"weft-" + name}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, certDays), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
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

// writePEM writes a file under a temporary name and renames it.
func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return os.Rename(tmp, path)
}

// allow refuses a peer whose certificate has none of the roles. Without TLS, on
// the loopback interface, everybody may do everything.
func (s Security) allow(ctx context.Context, roles ...string) error {
	if s.none() {
		return nil
	}
	p, ok := grpcpeer.FromContext(ctx)
	if !ok {
		return &wire.Refusal{Reason: wire.BadRole, Text: "cluster: the connection has no peer"}
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return &wire.Refusal{Reason: wire.BadRole, Text: "cluster: the peer has no certificate"}
	}
	have := info.State.VerifiedChains[0][0].Subject.OrganizationalUnit
	for _, r := range roles {
		if slices.Contains(have, r) {
			return nil
		}
	}
	return &wire.Refusal{Reason: wire.BadRole, Text: fmt.Sprintf("cluster: a certificate for %v was shown, one for %v is needed", have, roles)}
}
