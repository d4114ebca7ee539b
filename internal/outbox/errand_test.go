package outbox

import (
	"errors"
	"sync"
	"testing"
)

func TestErrand(t *testing.T) {
	var e Errand
	if e.Busy() || e.Wait() != nil {
		t.Error("there is something to wait for before anything was started")
	}
	first, gate, n := errors.New("first"), make(chan struct{}), 0
	for i, result := range []error{nil, first, errors.New("second"), nil} {
		e.Start(func() error { <-gate; n++; return result })
		if !e.Busy() {
			t.Error("nothing to wait for while it is done")
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { _ = e.Wait() })
		}
		gate <- struct{}{}
		wg.Wait()
		if err := e.Wait(); e.Busy() || n != i+1 || (err != nil) != (i > 0) || i > 0 && err != first {
			t.Errorf("after errand %d: %d are done, %v", i, n, err)
		}
	}
}
