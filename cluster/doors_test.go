package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/dtype"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	pair tls.Certificate
	dir  string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{dir: filepath.Join(t.TempDir(), "certs")}
	if err := InitSecurity(a.dir, nil); err != nil {
		t.Fatal(err)
	}
	var err error
	if a.pair, err = tls.LoadX509KeyPair(a.dir+"/ca.pem", a.dir+"/ca-key.pem"); err != nil {
		t.Fatal(err)
	}
	a.cert = a.pair.Leaf
	return a
}

func (a *authority) security(role string) Security {
	return Security{CA: a.dir + "/ca.pem", Cert: a.dir + "/" + role + ".pem", Key: a.dir + "/" + role + "-key.pem"}
}

// sign makes a certificate for a role, valid from then until then.
func (a *authority) sign(t *testing.T, role string, from, until time.Duration) *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x, err := certificate(role, time.Now().Add(until))
	if err != nil {
		t.Fatal(err)
	}
	x.NotBefore = time.Now().Add(from)
	parent, signer := x, any(key)
	if a != nil {
		parent, signer = a.cert, a.pair.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, x, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A diary is a log that is read while it is written.
type diary struct {
	mu sync.Mutex
	b  strings.Builder
}

func (d *diary) Write(b []byte) (int, error) { d.mu.Lock(); defer d.mu.Unlock(); return d.b.Write(b) }

// lines returns how many lines have all of the words.
func (d *diary) lines(words ...string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for line := range strings.Lines(d.b.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

func (d *diary) log() *slog.Logger { return slog.New(slog.NewTextHandler(d, nil)) }

// A door is where somebody may come in, and for what roles.
type door struct {
	name   string
	inside bool // at a worker
	roles  []string
	knock  func(ctx context.Context, creds credentials.TransportCredentials) error // nil: let in
}

// atScheduler opens a stream of a scheduler and says hello.
func atScheduler(s *Scheduler, what string) func(context.Context, credentials.TransportCredentials) error {
	return func(ctx context.Context, creds credentials.TransportCredentials) error {
		conn, err := dialControl(s.Addr(), grpc.WithTransportCredentials(creds))
		if err != nil {
			return err
		}
		defer conn.Close()
		st, err := conn.NewStream(ctx, &bidi, "/"+service+"/"+what)
		if err != nil {
			return err
		}
		hi := greeting("knocking at " + what)
		hi.Data, hi.Slots = "127.0.0.1:1", 1
		b := wire.Append(wire.Frame(nil, 1, 0), &wire.Record{Kind: wire.Hello, Data: wire.Encode(hi)})
		if err := st.SendMsg(&b); err != nil && err != io.EOF { // then RecvMsg says why
			return err
		}
		if err := st.RecvMsg(&b); err != nil {
			return err
		}
		_, _, b, err = wire.Open(b)
		var r wire.Record
		if err == nil {
			_, err = wire.Next(b, &r)
		}
		if err == nil && r.Kind == wire.Refused {
			err = &wire.Refusal{Reason: r.Class, Text: r.Text}
		}
		return err
	}
}

// byFlight asks by Flight. That there is nothing of what was asked for is said to who was let in.
func byFlight(addr string, ask func(context.Context, flight.FlightServiceClient) error) func(context.Context, credentials.TransportCredentials) error {
	return func(ctx context.Context, creds credentials.TransportCredentials) error {
		conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(creds))
		if err != nil {
			return err
		}
		defer conn.Close()
		if err = ask(ctx, flight.NewFlightServiceClient(conn)); err == io.EOF || status.Code(err) == codes.NotFound {
			return nil
		}
		return err
	}
}

func doors(s *Scheduler, w *Worker) []door {
	nothing := data.Ticket{Job: 1, Refs: []data.Ref{{Hi: -1}}}
	flown := nothing
	flown.IPC = true
	return []door{
		{"Worker", false, []string{RoleWorker}, atScheduler(s, "Worker")},
		{"Client", false, []string{RoleClient}, atScheduler(s, "Client")},
		{"GetFlightInfo", false, []string{RoleClient}, byFlight(s.Addr(), func(ctx context.Context, c flight.FlightServiceClient) error {
			_, err := c.GetFlightInfo(ctx, &flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{"x"}})
			return err
		})},
		{"ListFlights", false, []string{RoleClient}, byFlight(s.Addr(), func(ctx context.Context, c flight.FlightServiceClient) error {
			st, err := c.ListFlights(ctx, &flight.Criteria{})
			if err == nil {
				_, err = st.Recv()
			}
			return err
		})},
		{"DoGet", true, []string{RoleWorker, RoleClient}, byFlight(w.Addr(), func(ctx context.Context, c flight.FlightServiceClient) error {
			st, err := c.DoGet(ctx, &flight.Ticket{Ticket: flown.Bytes("x")})
			if err == nil {
				_, err = st.Recv()
			}
			return err
		})},
		{"blocks", true, []string{RoleWorker, RoleClient}, func(ctx context.Context, creds credentials.TransportCredentials) error {
			p := data.NewPeers(creds, 10*time.Second)
			defer p.Close()
			if err := p.Get(ctx, w.Addr(), "x", &nothing, []dtype.Schema{nil}, &receiver{}); !errors.Is(err, data.ErrGone) {
				return err
			}
			return nil
		}},
	}
}

// alert returns what the TLS of a listener says to a certificate.
func alert(ctx context.Context, addr string, c *tls.Config) error {
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, err = conn.Read(make([]byte, 1)) // who writes first may see the end of the connection before the alert
	return err
}

// TestDoors knocks at all doors of a cluster with all kinds of certificates: TLS itself refuses who has none, or one that
// does not hold; who has one for another role hears that, and it is logged. Nobody who was refused is known to
// the cluster after that.
func TestDoors(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	hour := time.Hour
	for _, issue := range []string{"", ours.dir} {
		var said, seen diary
		s, err := Listen("127.0.0.1:0", SchedulerOptions{Security: ours.security("scheduler"), Issue: issue, Log: said.log()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		w, err := Join(context.Background(), s.Addr(), WorkerOptions{Name: "inside", Threads: 1, SpillDir: t.TempDir(), Security: ours.security("worker"), Log: seen.log()})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		none := "certificate required"
		for _, c := range []struct {
			name, role string // the role it is let in for
			cert       *tls.Certificate
			refusal    string // by TLS
		}{
			{"a worker", RoleWorker, ours.sign(t, RoleWorker, -hour, hour), ""},
			{"a client", RoleClient, ours.sign(t, RoleClient, -hour, hour), ""},
			{"a scheduler", RoleScheduler, ours.sign(t, RoleScheduler, -hour, hour), ""},
			{"a role there is not", "weft-guest", ours.sign(t, "weft-guest", -hour, hour), ""},
			{"nothing", "", &tls.Certificate{}, none},
			{"another authority", "", theirs.sign(t, RoleClient, -hour, hour), "unknown certificate authority"},
			{"itself", "", (*authority)(nil).sign(t, RoleWorker, -hour, hour), "unknown certificate authority"},
			{"expired", "", ours.sign(t, RoleClient, -2*hour, -hour), "expired certificate"},
			{"not yet", "", ours.sign(t, RoleWorker, hour, 2*hour), "expired certificate"},
		} {
			pool := x509.NewCertPool()
			pool.AddCert(ours.cert)
			conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, ServerName: "localhost",
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.cert, nil }}
			for _, d := range doors(s, w) {
				name := fmt.Sprintf("issue %v, %s at %s", issue != "", c.name, d.name)
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				addr, log, refusal := s.Addr(), &said, c.refusal
				if d.inside {
					addr, log = w.Addr(), &seen
				}
				if refusal == none && issue != "" && !d.inside { // it may want to have one
					refusal = ""
				}
				err := d.knock(ctx, credentials.NewTLS(conf.Clone()))
				role := errors.As(err, new(*wire.Refusal)) || status.Code(err) == codes.PermissionDenied || err != nil && strings.Contains(err.Error(), "is needed")
				switch {
				case refusal != "":
					if told := alert(ctx, addr, conf); err == nil || role || told == nil || !strings.Contains(told.Error(), "tls: "+refusal) {
						t.Errorf("%s: %v and %v, want %q of TLS", name, err, told, refusal)
					}
				case slices.Contains(d.roles, c.role):
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
				default:
					why := "the peer has no certificate"
					if c.role != "" {
						why = "a certificate for [" + c.role + "] was shown"
					}
					if !role || !strings.Contains(err.Error(), why) {
						t.Errorf("%s: %v, want %q", name, err, why)
					}
					if n := log.lines("msg=refused", "door="+d.name, "addr=127.0.0.1:", why); n != 1 {
						t.Errorf("%s: %d lines of the log tell of it", name, n)
					}
				}
				if ctx.Err() != nil {
					t.Errorf("%s: no answer", name)
				}
				cancel()
			}
		}
		Until(t, "only who belongs to it is there", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.up() == 1 && s.names["inside"] != nil && len(s.clients) == 0
		})
	}
}
