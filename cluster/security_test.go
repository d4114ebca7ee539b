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
	return certsIn(t, filepath.Join(t.TempDir(), "certs"))
}

func certsIn(t *testing.T, dir string) func(role string) cluster.Security {
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
	t.Parallel()
	mine, other := certs(t), certs(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r := listen(t, cluster.SchedulerOptions{Security: mine("scheduler")})
	for range 2 {
		r.join(t, cluster.WorkerOptions{Threads: 1, Security: mine("worker")})
	}
	sales, products := tables(t, 4, 500)
	same(t, "all", queries(sales, products)["all"], r.dial(t, cluster.Options{Security: mine("client")}))

	short, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	for name, sec := range map[string]cluster.Security{"none": {}, "of another authority": other("client")} {
		if x, err := cluster.Dial(short, r.addr, cluster.Options{Security: sec}); err == nil {
			t.Errorf("a client with certificates %s got in", name)
			_ = x.Close()
		}
	}
	var no *wire.Refusal
	if x, err := cluster.Dial(ctx, r.addr, cluster.Options{Security: mine("worker")}); !errors.As(err, &no) || no.Reason != wire.BadRole {
		t.Errorf("a worker's certificate for a client: %v, %v", x, err)
	}
	if x, err := cluster.Join(ctx, r.addr, cluster.WorkerOptions{Security: mine("client")}); !errors.As(err, &no) || no.Reason != wire.BadRole {
		t.Errorf("a client's certificate for a worker: %v, %v", x, err)
	}
	if n := r.s.Workers(); n != 2 {
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

// TestJoinToken: a worker and a client with a token get their certificates from the
// scheduler; a token of another cluster is not shown to it, one for another role and
// one that has expired are refused.
func TestJoinToken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	mine, other := certsIn(t, dir), filepath.Join(t.TempDir(), "other")
	certsIn(t, other)
	token := func(dir, role string, valid time.Duration) cluster.Security {
		text, err := cluster.NewToken(dir, role, valid)
		if err != nil {
			t.Fatal(err)
		}
		return cluster.Security{Token: text}
	}
	r := listen(t, cluster.SchedulerOptions{Security: mine("scheduler"), Issue: dir})
	worker, client := token(dir, cluster.RoleWorker, time.Hour), token(dir, cluster.RoleClient, time.Hour)
	for range 2 {
		r.join(t, cluster.WorkerOptions{Threads: 1, Security: worker})
	}
	r.join(t, cluster.WorkerOptions{Threads: 1, Security: mine("worker")})
	sales, products := tables(t, 4, 500)
	for _, sec := range []cluster.Security{client, mine("client")} {
		same(t, "all", queries(sales, products)["all"], r.dial(t, cluster.Options{Security: sec}))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	mute := listen(t, cluster.SchedulerOptions{Security: mine("scheduler")})
	for _, c := range []struct {
		addr, text string
		sec        cluster.Security
	}{
		{r.addr, "is for the role weft-worker", worker},
		{r.addr, "the join token expired", token(dir, cluster.RoleClient, time.Nanosecond)},
		{r.addr, "does not show the authority", token(other, cluster.RoleClient, time.Hour)},
		{mute.addr, "was started without --issue", client},
		{r.addr, "no join token", cluster.Security{Token: "open sesame"}},
		{r.addr, "in place of", cluster.Security{Token: client.Token, CA: "ca.pem"}},
	} {
		if x, err := cluster.Dial(ctx, c.addr, cluster.Options{Security: c.sec}); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("want %q: %v, %v", c.text, x, err)
		}
	}
	if n := r.s.Workers(); n != 3 {
		t.Errorf("%d workers are up", n)
	}
}

// TestWorkerIsNoScheduler: a worker's certificate does for nobody's scheduler.
func TestWorkerIsNoScheduler(t *testing.T) {
	mine := certs(t)
	r := listen(t, cluster.SchedulerOptions{Security: mine("worker")})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if c, err := cluster.Dial(ctx, r.addr, cluster.Options{Security: mine("client"), Wait: -1}); err == nil || !strings.Contains(err.Error(), "one for [weft-scheduler] is needed") {
		t.Error(c, err)
	}
}
