package op

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// TestTextLine holds that what threads make goes on in its order, one at a time, whoever is ready first, and that after
// a failure nothing does.
func TestTextLine(t *testing.T) {
	const n = 200
	for _, fails := range []int{n, 0, 1, 150} { // the one that fails
		var mu sync.Mutex
		var wg sync.WaitGroup
		var got, want []int
		var failed, others int
		busy := false
		line := textLine{made: make([][]byte, n)}
		for _, i := range rand.Perm(n) {
			wg.Add(1)
			go func() {
				defer wg.Done()
				err := line.add(&mu, i, []byte{byte(i)}, func(b []byte) error {
					mu.Lock()
					if busy {
						others++
					}
					busy = true
					mu.Unlock()
					runtime.Gosched() // to those that should not be here
					got = append(got, int(b[0]))
					mu.Lock()
					busy = false
					mu.Unlock()
					if int(b[0]) == fails {
						return errors.New("full")
					}
					return nil
				})
				if err != nil {
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}()
		}
		wg.Wait()
		for i := range min(n, fails+1) {
			want = append(want, i)
		}
		if !slices.Equal(got, want) || others > 0 || (failed == 1) != (fails < n) {
			t.Errorf("number %d fails: %v went, %d beside others, %d failures", fails, got, others, failed)
		}
		if line.size != n {
			t.Errorf("%d bytes made, want %d", line.size, n)
		}
	}
}
