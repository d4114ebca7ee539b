package cluster_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/cluster/wire"
)

// TestRevoked: a worker and a client whose names are revoked are expelled and not let in
// again, the others go on; when the file does not name them any more they may come.
func TestRevoked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	mine := certsIn(t, dir)
	token := func(role string) cluster.Security {
		text, err := cluster.NewToken(dir, role, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return cluster.Security{Token: text}
	}
	r := listen(t, cluster.SchedulerOptions{Security: mine("scheduler"), Issue: dir, Beat: 20 * time.Millisecond})
	bad := r.join(t, cluster.WorkerOptions{Name: "bad", Security: token(cluster.RoleWorker)})
	r.join(t, cluster.WorkerOptions{Name: "good", Security: token(cluster.RoleWorker)})
	good := r.dial(t, cluster.Options{Security: mine("client")})
	spy := r.dial(t, cluster.Options{Name: "spy", Security: token(cluster.RoleClient)})
	sales, products := tables(t, 4, 500)
	q := queries(sales, products)["all"]
	same(t, "all", q, spy)
	if err := cluster.Revoke(dir, "bad", "spy"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	refused := func(what string, err error) {
		t.Helper()
		var no *wire.Refusal
		if !errors.As(err, &no) || no.Reason != wire.BadRole || !strings.Contains(err.Error(), "was revoked") {
			t.Errorf("%s: %v", what, err)
		}
	}
	select {
	case <-bad.Done():
		refused("the worker that was there", bad.Wait())
	case <-ctx.Done():
		t.Error("the worker goes on")
	}
	until(t, "the client is expelled", func() bool { _, err := q.Collect(ctx, spy); return err != nil })
	_, err := q.Collect(ctx, spy)
	refused("the client that was there", err)
	_, err = cluster.Dial(ctx, r.addr, cluster.Options{Name: "spy", Security: token(cluster.RoleClient)})
	refused("a client", err)
	_, err = cluster.Join(ctx, r.addr, cluster.WorkerOptions{Name: "bad", Security: token(cluster.RoleWorker)})
	refused("a worker", err)
	same(t, "all", q, good)

	if err := os.WriteFile(filepath.Join(dir, "revoked"), []byte("# nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	same(t, "all", q, r.dial(t, cluster.Options{Name: "spy", Security: token(cluster.RoleClient)}))
	for name, want := range map[string]string{"": "no name", "a\nb": "no name", "#a": "no name"} {
		if err := cluster.Revoke(dir, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := cluster.Revoke(t.TempDir(), "bad"); err == nil || !strings.Contains(err.Error(), "weft cluster init") {
		t.Error(err)
	}
}
