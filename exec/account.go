package exec

import (
	"sync"
	"sync/atomic"

	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/sched/node"
)

// An account is the memory of one running task, or of what outlives tasks. Bytes
// are counted against what the node's machine has granted, which is asked for in
// pieces of some MiB, so that most buffers cost no lock but the pool's.
//
// used never exceeds granted, but for the moment in which another task takes back
// what was granted and not used.
type account struct {
	n     *Node
	num   int32 // the machine's number: of the task, or node.House
	floor int64 // stays granted
	first int64 // what it began with; more than that is given back when it is not used

	used, granted, peak atomic.Int64

	mu     sync.Mutex // held while granted changes
	closed bool
	answer chan bool // the machine's word on what was asked; nil where nothing is asked
}

// take counts b bytes; false means that the task must spill.
func (a *account) take(b int64) bool {
	for {
		u := a.used.Load()
		if u+b > a.granted.Load() {
			break
		}
		if !a.used.CompareAndSwap(u, u+b) {
			continue
		}
		if u+b <= a.granted.Load() { // reclaim may have come between
			a.note(u + b)
			return true
		}
		a.used.Add(-b)
		break
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		u := a.used.Load()
		if short := u + b - a.granted.Load(); short > 0 {
			if !a.grow(short) {
				return false
			}
		} else if a.used.CompareAndSwap(u, u+b) {
			a.note(u + b)
			return true
		}
	}
}

func (a *account) note(u int64) {
	for p := a.peak.Load(); u > p && !a.peak.CompareAndSwap(p, u); p = a.peak.Load() {
	}
}

// grow asks for at least b bytes: first what nobody has, then what others were
// granted and do not use, then what comes free when stored blocks are spilled. It
// does not try forever: others who ask at the same time may take what it freed, or
// be before it in the line for what seems to be there.
func (a *account) grow(b int64) bool {
	for tries := 0; tries < growTries; {
		room, got := a.n.room.Load(), int64(0)
		if room < b {
			got = a.n.reclaim(a, b-room)
		} else if piece := max(b, a.n.piece); piece <= room && a.ask(node.Grow, piece) {
			return true
		}
		if a.ask(node.Grow, b) {
			return true
		}
		if a.n.carry() {
			continue
		}
		if got == 0 && a.n.room.Load() < b {
			return false
		}
		tries++
	}
	return false
}

const growTries = 8

// ask puts a question to the machine and waits for its answer: what is being
// written to disk may have to leave memory first, nothing else is waited for.
func (a *account) ask(kind node.EventKind, b int64) bool {
	a.n.step(node.Event{Kind: kind, Task: a.num, Bytes: b})
	var ok bool
	select {
	case ok = <-a.answer:
	default:
		a.n.wait(1)
		ok = <-a.answer
		a.n.wait(-1)
	}
	if ok && kind == node.Grow {
		a.granted.Add(b)
	}
	return ok
}

// give counts b bytes less, and lets the others have what is far from being used.
func (a *account) give(b int64) {
	u := a.used.Add(-b)
	if spare := a.granted.Load() - max(u, a.first); spare < 4*a.n.piece || !a.mu.TryLock() {
		return
	}
	a.cut(max(a.first, u+a.n.piece))
	a.mu.Unlock()
}

// cut lowers granted to keep, or to what is used; a.mu is held.
func (a *account) cut(keep int64) int64 {
	g := a.granted.Load()
	if keep = max(keep, a.used.Load()); keep >= g || a.closed {
		return 0
	}
	a.granted.Store(keep)
	if u := a.used.Load(); u > keep {
		keep = min(u, g)
		a.granted.Store(keep)
	}
	a.n.step(node.Event{Kind: node.Shrink, Task: a.num, Bytes: g - keep})
	return g - keep
}

// put hands b of the used bytes over to a stored block.
func (a *account) put(s *stored, b int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.granted.Add(-min(b, max(a.granted.Load()-a.floor, 0)))
	a.used.Add(-b)
	a.n.put(a.num, s, b)
}

// alloc takes a buffer from the pool. The pool may have no place for what was
// granted, when pieces of it are held by small buffers: then stored blocks must
// make room.
func (a *account) alloc(n int) []byte {
	size := mem.Size(n)
	if !a.take(size) {
		return nil
	}
	for {
		if b := a.n.pool.Alloc(n); b != nil {
			if over := int64(cap(b)) - size; over > 0 {
				a.used.Add(over)
			}
			return b
		}
		if !a.short(size) && !a.n.carry() {
			a.give(size)
			return nil
		}
	}
}

// reserve counts bytes that are no buffers.
func (a *account) reserve(b int64) bool {
	if !a.take(b) {
		return false
	}
	for !a.n.pool.Reserve(b) {
		if !a.short(b) && !a.n.carry() {
			a.give(b)
			return false
		}
	}
	return true
}

func (a *account) short(b int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ask(node.Short, b)
}

// close ends the account: nothing is asked of it or taken from it any more.
func (a *account) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
}

// reclaim takes back what running tasks were granted beyond their floors and do
// not use, until there are b bytes, and returns how much it was. An estimate that
// was too high keeps nobody else from working in memory.
func (n *Node) reclaim(by *account, b int64) (got int64) {
	n.mu.Lock()
	list := make([]*account, 0, len(n.seats)+1)
	for _, s := range n.seats {
		if s != nil && s.started {
			list = append(list, &s.account)
		}
	}
	n.mu.Unlock()
	for _, a := range append(list, &n.house) {
		if a != by && got < b && a.mu.TryLock() {
			got += a.cut(a.floor)
			a.mu.Unlock()
		}
	}
	return got
}
