package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Security are the certificates of a process: mutual TLS on both planes. The zero
// value is plaintext, which is allowed on the loopback interface only.
type Security struct {
	CA   string // file with the certificates that peers must be signed by
	Cert string // file with the own certificate
	Key  string // file with its key
}

func (s Security) none() bool { return s == Security{} }

// pair loads the certificates.
func (s Security) pair() (tls.Certificate, *x509.CertPool, error) {
	if s.CA == "" || s.Cert == "" || s.Key == "" {
		return tls.Certificate{}, nil, errors.New("cluster: TLS needs a CA, a certificate and a key; 'weft cluster init' makes them")
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("cluster: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return tls.Certificate{}, nil, fmt.Errorf("cluster: %s has no certificate in PEM form", s.CA)
	}
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return pair, nil, fmt.Errorf("cluster: certificate %s with key %s: %w", s.Cert, s.Key, err)
	}
	return pair, pool, nil
}

// server returns what a listener at addr must use.
func (s Security) server(addr string) (credentials.TransportCredentials, error) {
	if s.none() {
		return insecure.NewCredentials(), mustLoop(addr)
	}
	pair, pool, err := s.pair()
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13}), nil
}

// client returns what connections to addr must use.
func (s Security) client(addr string) (credentials.TransportCredentials, error) {
	if s.none() {
		return insecure.NewCredentials(), mustLoop(addr)
	}
	pair, pool, err := s.pair()
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}), nil
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
	return fmt.Errorf("cluster: %s is not on the loopback interface and there are no certificates: what passes there could be read and changed; make certificates with 'weft cluster init' and give --ca, --cert and --key", addr)
}
