package cluster_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/cluster/wire"
)

// certs makes certificates and returns those of each role.
func certs(t *testing.T) func(role string) cluster.Security {
	dir := filepath.Join(t.TempDir(), "certs")
	if err := cluster.InitSecurity(dir, []string{"node7"}); err != nil {
		t.Fatal(err)
	}
	if err := cluster.InitSecurity(dir, nil); err == nil {
		t.Error("certificates were overwritten")
	}
	return func(role string) cluster.Security {
		return cluster.Security{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, role+".pem"), Key: filepath.Join(dir, role+"-key.pem")}
	}
}

// TestTLS: with certificates everything works as without; with none, with those of
// another authority or of the wrong role nobody gets in.
func TestTLS(t *testing.T) {
	mine, other := certs(t), certs(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := cluster.Listen("127.0.0.1:0", cluster.SchedulerOptions{Security: mine("scheduler"), Log: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		w, err := cluster.Join(ctx, s.Addr(), cluster.WorkerOptions{Threads: 1, SpillDir: t.TempDir(), Security: mine("worker")})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
	}
	c, err := cluster.Dial(ctx, s.Addr(), cluster.Options{Security: mine("client")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sales, products := tables(t, 4, 500)
	same(t, "all", queries(sales, products)["all"], c)

	short, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	for name, sec := range map[string]cluster.Security{"none": {}, "of another authority": other("client")} {
		if x, err := cluster.Dial(short, s.Addr(), cluster.Options{Security: sec}); err == nil {
			t.Errorf("a client with certificates %s got in", name)
			_ = x.Close()
		}
	}
	var no *wire.Refusal
	if x, err := cluster.Dial(ctx, s.Addr(), cluster.Options{Security: mine("worker")}); !errors.As(err, &no) || no.Reason != wire.BadRole {
		t.Errorf("a worker's certificate for a client: %v, %v", x, err)
	}
	if x, err := cluster.Join(ctx, s.Addr(), cluster.WorkerOptions{Security: mine("client")}); !errors.As(err, &no) || no.Reason != wire.BadRole {
		t.Errorf("a client's certificate for a worker: %v, %v", x, err)
	}
	if n := s.Workers(); n != 2 {
		t.Errorf("%d workers are up", n)
	}
}

func TestPlaintextStaysOnLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "10.1.2.3:9700", ":9700", "example.org:9700"} {
		if s, err := cluster.Listen(addr, cluster.SchedulerOptions{}); err == nil || !strings.Contains(err.Error(), "weft cluster init") {
			t.Errorf("%s: %v, %v", addr, s, err)
		}
		if c, err := cluster.Dial(context.Background(), addr, cluster.Options{}); err == nil || !strings.Contains(err.Error(), "weft cluster init") {
			t.Errorf("%s: %v, %v", addr, c, err)
		}
	}
}
