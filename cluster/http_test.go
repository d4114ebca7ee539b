package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
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
	for range 500 {
		if code, _ = get("/healthz"); code == 503 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("healthy without workers:", code)
}
