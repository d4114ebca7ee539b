package outbox

import (
	"sync"
	"testing"
)

func add(b *Box[int], x int) bool { return b.Edit(func(w []int) []int { return append(w, x) }) }

func TestAllIsWrittenOnceInOrder(t *testing.T) {
	last, writes := map[int]int{}, 0
	n := 0
	b := New(func(list []int) bool {
		writes++
		for _, x := range list {
			if at, ok := last[x%4]; ok && at >= x {
				t.Errorf("%d after %d", x, at)
			}
			last[x%4] = x
			n++
		}
		return true
	})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				add(b, 4*i+w)
			}
		})
	}
	wg.Wait()
	b.Close()
	if n != 4000 || writes > 4000 || add(b, 1) {
		t.Errorf("%d of 4000 were written in %d goes", n, writes)
	}
	b.Close() // once more does nothing
}

func TestWriterThatFails(t *testing.T) {
	gate, n := make(chan struct{}), 0
	b := New(func(list []int) bool { <-gate; n += len(list); return false })
	for i := range 3 {
		add(b, i)
	}
	close(gate)
	b.Close()
	if n < 1 || n > 3 || add(b, 4) {
		t.Errorf("%d were written", n)
	}
}
