package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/internal/effort"
)

func TestHandler(t *testing.T) {
	r := newRig(t, 2, cluster.WorkerOptions{Name: "", Threads: 1, Labels: []string{"zone=a"}})
	h := r.s.Handler()
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	sales, products := tables(t, 4, 500)
	same(t, "group", queries(sales, products)["group"], r.c)
	if code, body := get("/healthz"); code != 200 || body != "ok\n" {
		t.Error(code, body)
	}
	code, body := get("/metrics")
	for _, line := range []string{"weft_workers 2\n", fmt.Sprintf("weft_tasks_done_total %d\n", r.s.Finished()), `weft_worker_slots{worker="` + r.workers[0].Name() + `"} 1`} {
		if code != 200 || !strings.Contains(body, line) {
			t.Errorf("%q is missing in\n%s", line, body)
		}
	}
	var st cluster.State
	if code, body := get("/state"); code != 200 || json.Unmarshal([]byte(body), &st) != nil || len(st.Workers) != 2 || st.Workers[1].Labels[0] != "zone=a" {
		t.Error(code, body)
	}
	asked, err := r.c.State(context.Background())
	if err != nil || asked.Finished != st.Finished || len(asked.Workers) != 2 {
		t.Errorf("%+v, %v", asked, err)
	}
	for _, w := range r.workers {
		_ = w.Close()
	}
	until(t, "ill without workers", func() bool {
		code, _ := get("/healthz")
		return code == 503
	})
}

// TestLinksAreMeasured: how fast blocks come from worker to worker is measured while they do,
// and told with what workers tell anyway. What comes from one of them comes slowly.
func TestLinksAreMeasured(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	const n, strips, rate = 3000, 6, 100e6
	r := listen(t, cluster.SchedulerOptions{})
	o := cluster.WorkerOptions{Threads: 1, Dead: 2 * time.Second}
	r.join(t, o)
	p := newProxy(t)
	o.Advertise = p.addr()
	w := r.join(t, o)
	p.aim(w.Addr(), func(b []byte, _ int64) bool {
		if len(b) > 4096 && p.hits.Add(1) == 2 {
			b[len(b)/2] ^= 1
		}
		time.Sleep(time.Duration(float64(len(b)) / rate * 1e9))
		return true
	})
	r.c = r.dial(t, cluster.Options{})
	x := array.Random(3).Integers(0, 1<<40, []int{n, n}, array.Chunks(n/strips, n)).Rechunk(n, n/strips).Sum(0)
	var st cluster.State
	until(t, "the ways between the workers are measured", func() bool {
		if _, err := array.Collect[int64](context.Background(), r.c, x); err != nil {
			t.Fatal(err)
		}
		st = r.s.State()
		return len(st.Workers[0].Links) == 1 && len(st.Workers[1].Links) == 1 && st.Workers[1].Broken > 0
	})
	here, there := st.Workers[1].Links[0], st.Workers[0].Links[0]
	if here.From != st.Workers[0].Name || there.From != w.Name() {
		t.Errorf("blocks came from %q and %q", here.From, there.From)
	}
	if there.Rate <= 0 || there.Rate > 4*rate || here.Rate <= 0 {
		t.Errorf("%.0f bytes a second came through a proxy that lets %.0f through, %.0f the other way", there.Rate, rate, here.Rate)
	}
	if st.Workers[0].Broken != 0 || st.Workers[1].Broken != 1 {
		t.Errorf("%d and %d streams came broken, one was spoiled", st.Workers[0].Broken, st.Workers[1].Broken)
	}
	rec := httptest.NewRecorder()
	r.s.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		fmt.Sprintf("weft_link_bytes_per_second{from=%q,worker=%q} ", w.Name(), st.Workers[0].Name),
		fmt.Sprintf("weft_worker_broken_streams_total{worker=%q} 1\n", w.Name()),
	} {
		if !strings.Contains(rec.Body.String(), line) {
			t.Errorf("%q is missing in\n%s", line, rec.Body)
		}
	}
}
