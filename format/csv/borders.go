package csv

import "sync"

// borders knows the state at the start of every split of a file, as far as it was
// needed. It is shared by all tasks of a layer in this process, so a split's
// quotes are looked at once however many blocks follow it.
type borders struct {
	mu    sync.Mutex
	moved sync.Cond
	work  []progress // of each split
	pass  []passage  // of each split that is done
	at    []state    // at the start of each split, up to known
	known int
}

type progress uint8

const (
	idle progress = iota
	busy
	done
)

// init makes room for n splits; the file's records begin outside quotes.
func (b *borders) init(n int) {
	b.moved.L = &b.mu
	b.work, b.pass, b.at = make([]progress, n), make([]passage, n), make([]state, n+1)
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
	for b.known < len(b.work) && b.work[b.known] == done {
		b.at[b.known+1] = b.pass[b.known][b.at[b.known]]
		b.known++
	}
	b.moved.Broadcast()
}

func (b *borders) abandon(split int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.work[split] = idle
	b.moved.Broadcast()
}

// state returns the state at the start of a split. Splits before it that nobody
// has looked at are given to look; those at which others are looking are waited
// for.
func (b *borders) state(split int, look func(split int) (passage, error)) (state, error) {
	for next := 0; ; {
		b.mu.Lock()
		for {
			if b.known >= split {
				defer b.mu.Unlock()
				return b.at[split], nil
			}
			next = max(next, b.known)
			for next < split && b.work[next] != idle {
				next++
			}
			if next < split {
				break
			}
			// All are done or in other hands; one of these may be given up.
			b.moved.Wait()
			next = 0
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
