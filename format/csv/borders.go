package csv

import "sync"

// borders knows the states at the starts of the splits of a file, as far as they were
// needed. It is shared by all tasks of a layer in this process, so a split's
// quotes are looked at once however many blocks follow it.
//
// The state at a border is that at the start of the file, moved over all splits between. But a state that would have a record go
// on for longer than records may be was none: where no other one is left, what lies before does not matter. So who reads a
// part of a large file looks at little of what others read.
type borders struct {
	mu    sync.Mutex
	moved sync.Cond
	bytes int64 // of a split
	most  int64 // of a record
	work  []progress
	pass  []passage // of each split that is done
	at    []state   // at the start of each split, where that is sure
	sure  []bool
}

type progress uint8

const (
	idle progress = iota
	busy
	done
)

// init makes room for n splits of so many bytes; the file's records begin outside quotes.
func (b *borders) init(n int, bytes, most int64) {
	b.moved.L = &b.mu
	b.bytes, b.most = bytes, most
	b.work, b.pass, b.at, b.sure = make([]progress, n), make([]passage, n), make([]state, n+1), make([]bool, n+1)
	b.sure[0] = true
}

// claim reports whether the caller is now the one to look at a split: it must call
// publish or abandon, and wait for nobody before.
func (b *borders) claim(split int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.work[split] != idle {
		return false
	}
	b.work[split] = busy
	return true
}

func (b *borders) publish(split int, p passage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.work[split], b.pass[split] = done, p
	b.spread(split)
	b.moved.Broadcast()
}

// spread carries what is known of the start of a split over those that are done; b is locked.
func (b *borders) spread(split int) {
	for ; split < len(b.work) && b.sure[split] && b.work[split] == done && !b.sure[split+1]; split++ {
		b.at[split+1], b.sure[split+1] = b.pass[split].to[b.at[split]], true
	}
}

func (b *borders) abandon(split int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.work[split] = idle
	b.moved.Broadcast()
}

// state returns the state at the start of a split. Splits before it that nobody
// has looked at are given to look, the nearest first; those at which others are looking are waited
// for.
func (b *borders) state(split int, look func(split int) (passage, error)) (state, error) {
	for {
		b.mu.Lock()
		next := b.missing(split)
		for next >= 0 && b.work[next] == busy { // it may be given up
			b.moved.Wait()
			next = b.missing(split)
		}
		if next < 0 {
			defer b.mu.Unlock()
			return b.at[split], nil
		}
		b.work[next] = busy
		b.mu.Unlock()
		p, err := look(next)
		if err != nil {
			b.abandon(next)
			return 0, err
		}
		b.publish(next, p)
	}
}

// missing returns a split that is to be looked at before the state at the start of a split is sure, one in other hands only if there is no
// other; -1 when it is sure. b is locked.
func (b *borders) missing(split int) int {
	if b.sure[split] {
		return -1
	}
	all, first := nowhere, -1 // of what lies between, while all of it is known
	for i, n := split-1, b.bytes; ; i, n = i-1, n+b.bytes {
		if b.work[i] == done && first < 0 {
			all = b.pass[i].then(all)
			s, ok := all.only(n > b.most)
			if b.sure[i] {
				s, ok = all.to[b.at[i]], true
			}
			if ok {
				b.at[split], b.sure[split] = s, true
				b.spread(split)
				return -1
			}
		}
		if b.work[i] == idle {
			return i
		}
		if b.work[i] == busy && first < 0 {
			first = i
		}
		if first >= 0 && (b.sure[i] || n > b.most) {
			return first
		}
	}
}
