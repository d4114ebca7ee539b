// Package exec runs tasks: it binds the layers of a plan once and runs one block
// at a time, for the threads of this process and for workers alike. There is no
// second way to run a task.
//
//	Node     what a process lends to tasks: memory, disk, threads
//	Program  a plan whose operators are bound in this process
//	task     one block being computed (implements op.Task)
//	stored   an output block, in memory until memory is short, then on disk
package exec

import (
	"math"
	"slices"
	"sync"

	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
)

// Options of a Node. Zero values mean defaults.
type Options struct {
	Threads  int    // slots; 0 means 1
	Memory   int64  // bytes for buffers; 0 means no limit
	SpillDir string // parent folder of spill files; empty means the system's temporary folder
}

// A Node is what one process lends to its tasks. It is safe for concurrent use.
type Node struct {
	pool    *mem.Pool
	dir     *spill.Dir
	threads int

	mu     sync.Mutex
	busy   int // threads at work, lent ones included
	stored []*stored
	tasks  map[*task]struct{}
}

// NewNode returns a node. Close it to remove its spill files.
func NewNode(o Options) *Node {
	return &Node{pool: mem.NewPool(o.Memory), dir: spill.NewDir(o.SpillDir), threads: max(1, o.Threads), tasks: map[*task]struct{}{}}
}

// Close removes the spill folder and gives cached memory back.
func (n *Node) Close() error { n.pool.Trim(); return n.dir.Close() }

// Pool returns the memory pool, for its figures.
func (n *Node) Pool() *mem.Pool { return n.pool }

// Spilled returns the bytes ever written to spill files.
func (n *Node) Spilled() int64 { return n.dir.Written() }

// Threads returns the number of slots.
func (n *Node) Threads() int { return n.threads }

// Alloc is for what outlives tasks. When the pool refuses, stored blocks are
// spilled, largest first, until the buffer fits or nothing is left to spill.
func (n *Node) Alloc(size int) []byte {
	for {
		if b := n.pool.Alloc(size); b != nil {
			return b
		}
		if !n.evict(mem.Size(size)) {
			return nil
		}
	}
}

// Free implements mem.Allocator.
func (n *Node) Free(b []byte) { n.pool.Free(b) }

// evict spills stored blocks until about need bytes came free; false when
// nothing could be spilled.
func (n *Node) evict(need int64) bool {
	n.mu.Lock()
	list := slices.Clone(n.stored)
	n.mu.Unlock()
	slices.SortStableFunc(list, func(a, b *stored) int { return int(b.resident.Load()>>16 - a.resident.Load()>>16) })
	freed := int64(0)
	for _, s := range list {
		if s.resident.Load() == 0 {
			break
		}
		k, err := s.evict(need - freed)
		if freed += k; err != nil || freed >= need {
			break
		}
	}
	return freed > 0
}

func (n *Node) addStored(s *stored) { n.mu.Lock(); n.stored = append(n.stored, s); n.mu.Unlock() }

func (n *Node) dropStored(s *stored) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := slices.Index(n.stored, s); i >= 0 {
		n.stored = slices.Delete(n.stored, i, i+1)
	}
}

// share is what every running task may count on: a guarantee that one task does
// not starve the others. It is half of an even split.
func (n *Node) share() int64 {
	if n.pool.Limit() == math.MaxInt64 {
		return 0
	}
	return n.pool.Limit() / int64(2*n.threads)
}

// owed sums what the tasks other than t have not used of their guarantee.
func (n *Node) owed(t *task) (sum int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	g := n.share()
	for o := range n.tasks {
		if o != t {
			sum += max(0, g-o.used.Load())
		}
	}
	return sum
}

// Enter takes the slot of a task that starts. The scheduler hands out no more
// tasks than slots; slots that were lent are called back.
func (n *Node) enter(t *task) {
	n.mu.Lock()
	n.busy++
	n.tasks[t] = struct{}{}
	n.mu.Unlock()
}

func (n *Node) leave(t *task) {
	n.mu.Lock()
	n.busy--
	delete(n.tasks, t)
	n.mu.Unlock()
}

// borrow lends one idle slot to a running task.
func (n *Node) borrow() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy >= n.threads {
		return false
	}
	n.busy++
	return true
}

func (n *Node) giveBack() { n.mu.Lock(); n.busy--; n.mu.Unlock() }

// crowded reports that more threads are at work than there are slots: whoever
// works on a borrowed one stops at its next split.
func (n *Node) crowded() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.busy > n.threads
}
