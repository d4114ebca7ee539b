package sched

// keyHeap is a binary min-heap of ready tasks: place of the layer in the high word, block in the low one.
type keyHeap []uint64

func (h *keyHeap) push(k uint64) {
	a := append(*h, k)
	i := len(a) - 1
	for i > 0 {
		p := (i - 1) / 2
		if a[p] <= k {
			break
		}
		a[i] = a[p]
		i = p
	}
	a[i] = k
	*h = a
}

func (h *keyHeap) pop() uint64 {
	a := *h
	top, n := a[0], len(a)-1
	k := a[n]
	a = a[:n]
	*h = a
	i := 0
	for {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && a[c+1] < a[c] {
			c++
		}
		if a[c] >= k {
			break
		}
		a[i] = a[c]
		i = c
	}
	if n > 0 {
		a[i] = k
	}
	return top
}

// timer is a task that waits for the clock.
type timer struct {
	due int64
	t   Block
}

// Before orders timers: those due first go first.
func (a timer) Before(b timer) bool {
	if a.due != b.due {
		return a.due < b.due
	}
	if a.t.Layer != b.t.Layer {
		return a.t.Layer < b.t.Layer
	}
	return a.t.Block < b.t.Block
}

// Heap is a binary heap: what is before all others stands first.
type Heap[T interface{ Before(T) bool }] []T

// Push adds x.
func (h *Heap[T]) Push(x T) {
	a := append(*h, x)
	for i := len(a) - 1; i > 0 && a[i].Before(a[(i-1)/2]); i = (i - 1) / 2 {
		a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
	}
	*h = a
}

// Pop takes the first out. There must be one.
func (h *Heap[T]) Pop() T {
	a := *h
	top, n := a[0], len(a)-1
	a[0], a[n] = a[n], *new(T)
	a = a[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && a[c+1].Before(a[c]) {
			c++
		}
		if !a[c].Before(a[i]) {
			break
		}
		a[i], a[c] = a[c], a[i]
		i = c
	}
	*h = a
	return top
}
