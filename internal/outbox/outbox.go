// Package outbox has one goroutine write what others add: what is added while it writes
// is written together. An Errand does one piece of work at a time, beside whoever gave it.
package outbox

import "sync"

// A Box is what waits to be written, and its writer. It is safe for concurrent use.
type Box[T any] struct {
	mu   sync.Mutex
	news sync.Cond
	wait []T
	over bool
	done chan struct{} // the writer has ended
}

// New starts the writer: write gets what was added, in its order. When it returns false
// the box is closed, and what waits is dropped.
func New[T any](write func([]T) bool) *Box[T] {
	b := &Box[T]{done: make(chan struct{})}
	b.news.L = &b.mu
	go b.run(write)
	return b
}

// Edit adds to what waits, or changes it. False: the box is closed and f was not called.
func (b *Box[T]) Edit(f func(wait []T) []T) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	b.wait = f(b.wait)
	b.news.Signal()
	return true
}

// Close ends the writer once what was added is written, and waits for that.
func (b *Box[T]) Close() {
	b.mu.Lock()
	b.over = true
	b.news.Signal()
	b.mu.Unlock()
	<-b.done
}

func (b *Box[T]) run(write func([]T) bool) {
	defer close(b.done)
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for len(b.wait) == 0 && !b.over {
			b.news.Wait()
		}
		if len(b.wait) == 0 {
			return
		}
		list := b.wait
		b.wait = nil
		b.mu.Unlock()
		more := write(list)
		b.mu.Lock()
		if !more {
			b.over, b.wait = true, nil
		}
	}
}
