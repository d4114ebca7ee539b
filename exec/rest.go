package exec

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weft-data/weft/op"
)

// A rest is where threads of a task wait that have a slot and, for a while, no work. They help
// with what the task forks meanwhile; so do those whose work is not urgent.
type rest struct {
	mu    sync.Mutex
	moved sync.Cond // what somebody waits for may have changed
	forks []*fork
}

// wait waits for a change, or helps with a fork; the caller holds mu, which is free meanwhile.
func (r *rest) wait(as role) {
	if r.help(as) {
		return
	}
	if r.moved.L == nil {
		r.moved.L = &r.mu
	}
	r.moved.Wait()
}

// help takes part in the youngest fork, and reports whether there was one; the caller holds mu, which is free
// meanwhile.
func (r *rest) help(as role) bool {
	n := len(r.forks)
	if n == 0 {
		return false
	}
	k := r.forks[n-1]
	k.wg.Add(1)
	r.mu.Unlock()
	defer r.mu.Lock()
	defer func() {
		if k.given() {
			r.withdraw(k)
		}
		k.wg.Done()
	}()
	k.work(as)
	return true
}

// stir wakes those that wait.
func (r *rest) stir() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved.Broadcast()
}

// offer lets those that wait help with a fork.
func (r *rest) offer(k *fork) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forks = append(r.forks, k)
	r.moved.Broadcast()
}

// withdraw ends an offer.
func (r *rest) withdraw(k *fork) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.forks, k); i >= 0 {
		r.forks = slices.Delete(r.forks, i, i+1)
	}
}

// A fork is calls that threads of a task share.
type fork struct {
	t      *task
	calls  int
	call   func(i int) error
	next   atomic.Int64
	once   sync.Once
	failed error
	wg     sync.WaitGroup // of threads that help from their rest
}

// given reports that all calls are somebody's.
func (k *fork) given() bool { return int(k.next.Load()) >= k.calls }

// work makes calls until none is left, or, on a lent slot, until others wait for it.
func (k *fork) work(as role) {
	for as != lent || !k.t.called() {
		i := int(k.next.Add(1)) - 1
		if i >= k.calls {
			return
		}
		k.one(i)
	}
}

// one makes a call. Its failure is that of the fork.
func (k *fork) one(i int) {
	err := k.t.ctx.Err()
	defer func() {
		if err != nil {
			k.once.Do(func() { k.failed = err })
			k.next.Store(int64(k.calls))
		}
	}()
	defer recovered(&err)
	if err == nil {
		err = op.ErrExit
		err = k.call(i)
	}
}

// Fork implements op.Task. The caller's thread works too; threads of the task that wait for
// something, and idle slots of the node, help as long as nobody else wants them.
func (t *task) Fork(n int, f func(i int) error) error {
	k := &fork{t: t, calls: n, call: f}
	if n == 1 {
		k.work(alone)
		return k.failed
	}
	t.rest.offer(k)
	d := t.share(n-1, func() { k.work(lent) })
	func() {
		defer k.wg.Wait()
		defer d.close()
		defer t.rest.withdraw(k)
		k.work(among)
	}()
	return k.failed
}
