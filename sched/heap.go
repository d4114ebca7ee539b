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

func (a timer) before(b timer) bool {
	if a.due != b.due {
		return a.due < b.due
	}
	if a.t.Layer != b.t.Layer {
		return a.t.Layer < b.t.Layer
	}
	return a.t.Block < b.t.Block
}

// timerHeap is a binary min-heap of timers.
type timerHeap []timer

func (h *timerHeap) push(x timer) {
	a := append(*h, x)
	i := len(a) - 1
	for i > 0 && a[i].before(a[(i-1)/2]) {
		a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
		i = (i - 1) / 2
	}
	*h = a
}

func (h *timerHeap) pop() timer {
	a := *h
	top, n := a[0], len(a)-1
	a[0] = a[n]
	a = a[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && a[c+1].before(a[c]) {
			c++
		}
		if !a[c].before(a[i]) {
			break
		}
		a[i], a[c] = a[c], a[i]
		i = c
	}
	*h = a
	return top
}
