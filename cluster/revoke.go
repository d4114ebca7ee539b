package cluster

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/cluster/wire"
)

// A scheduler lets nobody in, renews nothing for, and ends the streams of those whose
// certificate is named in a file, which it reads again when it changes. Workers and clients that have the file
// give nothing to who is named there, call nobody who is, and leave a scheduler that is:
//
//	# a line for each
//	node7-4711-8a0c      the name in a certificate, of all that have it: for a token that of the process
//	serial:1f03…         the number of one certificate, hexadecimal
//
// Who has a join token that has not expired can come back under another name.

// revokedFile is the name of that file in the folder of InitSecurity.
const revokedFile = "revoked"

// Revoke adds names, or serial:NUMBER, to the file in the folder of InitSecurity that has
// the certificates that are not valid any more.
func Revoke(dir string, names ...string) error {
	path := filepath.Join(dir, revokedFile)
	if _, err := os.Stat(filepath.Join(dir, "ca.pem")); err != nil {
		return fmt.Errorf("cluster: %s is no folder of 'weft cluster init': %w", dir, err)
	}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cluster: %w", err)
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	for _, name := range names {
		if name = strings.TrimSpace(name); name == "" || name[0] == '#' || strings.ContainsAny(name, "\r\n") {
			return fmt.Errorf("cluster: %q is no name of a certificate", name)
		}
		b = append(append(b, name...), '\n')
	}
	return writeNew(path, b, 0o644)
}

// A revocation is what such a file says. Nil says nothing.
type revocation struct {
	path string
	log  *slog.Logger // nil: none
	set  atomic.Pointer[map[string]bool]
	news atomic.Int64 // how often it was read

	mu     sync.Mutex
	looked time.Time // at the file
	size   int64     // of the file that was read
	time   time.Time
}

// open reads the file of the certificates that were revoked, if there is one.
func (s *Security) open(log *slog.Logger) error {
	if s.Revoked == "" {
		return nil
	}
	s.out = &revocation{path: s.Revoked, log: log}
	return s.out.read()
}

// lookEvery is how long what was read holds before the file is looked at again.
const lookEvery = time.Second

// refuse refuses a certificate that the file names, which is read again if it has changed. What cannot be read is told.
func (r *revocation) refuse(cert *x509.Certificate) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	late := time.Since(r.looked) > lookEvery
	r.mu.Unlock()
	if late {
		r.reread()
	}
	return r.check(cert)
}

// reread is read, but that what cannot be read is told.
func (r *revocation) reread() {
	if err := r.read(); err != nil && r.log != nil {
		r.log.Warn("the revoked certificates could not be read: those from before count", "err", err)
	}
}

// read reads the file if it has changed. What cannot be read leaves all as it was.
func (r *revocation) read() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked = time.Now()
	size, when := int64(-1), time.Time{} // nobody was revoked yet
	st, err := os.Stat(r.path)
	if err == nil {
		size, when = st.Size(), st.ModTime()
	}
	same := r.set.Load() != nil && size == r.size && when.Equal(r.time)
	if same && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		return nil
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(r.path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cluster: %w", err)
	}
	r.size, r.time = size, when
	set := map[string]bool{}
	for line := range bytes.Lines(b) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			set[string(line)] = true
		}
	}
	r.set.Store(&set)
	r.news.Add(1)
	return nil
}

// check refuses a certificate that the file names.
func (r *revocation) check(cert *x509.Certificate) error {
	if r == nil || cert == nil {
		return nil
	}
	if set := *r.set.Load(); !set[cert.Subject.CommonName] && !set["serial:"+cert.SerialNumber.Text(16)] {
		return nil
	}
	return &wire.Refusal{Reason: wire.BadRole, Text: fmt.Sprintf("cluster: the certificate of %s (serial:%x) was revoked", cert.Subject.CommonName, cert.SerialNumber)}
}

// allow refuses a peer whose certificate has none of the roles, or was revoked.
func (s *Scheduler) allow(ctx context.Context, roles ...string) error {
	s.reread()
	return s.opt.Security.allow(ctx, roles...)
}

// reread takes what has changed in the file of revoked certificates, and ends what those
// have who are new in it.
func (s *Scheduler) reread() {
	if s.revoked == nil {
		return
	}
	s.revoked.reread()
	s.mu.Lock()
	defer s.mu.Unlock()
	news := s.revoked.news.Load()
	if news == s.expelled {
		return
	}
	s.expelled = news
	for _, w := range s.workers {
		if w != nil {
			if err := s.revoked.check(w.cert); err != nil {
				w.cancel(err)
			}
		}
	}
	for _, c := range s.clients {
		if err := s.revoked.check(c.cert); err != nil { // whatever it says next ends its stream
			s.opt.Log.Warn("client expelled", "client", c.hi.Name, "why", err)
			c.link.put(wire.Record{Kind: wire.Refused, Class: wire.BadRole, Text: err.Error()})
			s.abandon(c)
		}
	}
}
