// Package exec runs tasks: it binds the layers of a plan once and runs one block
// at a time, for the threads of this process and for workers alike. There is no
// second way to run a task.
//
//	Node     what a process lends to tasks: memory, disk, threads
//	account  the memory of one task
//	Program  a plan whose operators are bound in this process
//	task     one block being computed (implements op.Task)
//	stored   an output block, in memory until memory is short, then on disk
//
// Which task starts, who gets how much memory, which block is spilled and who may
// use idle threads is decided by the machine of sched/node. What is here carries
// out its word, and tells it what happened.
package exec

import (
	"sync"
	"sync/atomic"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/node"
)

// Options of a Node. Zero values mean defaults.
type Options struct {
	Threads  int             // slots; 0 means 1
	Memory   int64           // bytes for buffers; 0 means no limit
	SpillDir string          // parent folder of spill files; empty means the system's temporary folder
	Spill    int64           // bytes of spill files there may be; 0 means as many as the disk takes
	Rotten   func(err error) // hears of each spill file that cannot be read back, once; nil: nobody does
}

// A Node is what one process lends to its tasks. It is safe for concurrent use.
//
// Locks are taken in this order: an account's, the node's, a seat's.
type Node struct {
	pool    *mem.Pool
	dir     *spill.Dir
	threads int
	limit   int64 // 0 means none
	piece   int64 // what an account asks for at a time
	house   account
	room    atomic.Int64 // what could be granted at once
	waiting atomic.Int32 // seats that have not started
	idle    atomic.Int32 // slots, below 0 while more seats are taken
	fault   atomic.Pointer[error]
	wg      sync.WaitGroup

	mu      sync.Mutex
	m       *node.Node
	acts    []node.Action
	later   []node.Event // news that came up while actions were carried out
	told    int64        // bytes in use, as the machine knows
	seats   []*seat      // by the machine's numbers
	values  []*stored
	unused  struct{ seats, values []int32 } // numbers
	moves   []move                          // to be written to disk
	writers int                             // goroutines that do it
	asking  int                             // threads that wait for memory
}

// The lines of the machine are 60, 70 and 80 % of a budget. What a node shares out
// is what is left of the budget of a process beside its other needs, so the last
// line is all of it.
const spillLine, hardLine, pauseLine = 75, 88, 100

// Share divides the budget of a process: how many bytes are for buffers, and how
// many of the threads may use them. The rest is for the program itself, the
// collector's heap, stacks and the scratch of each thread, at most half. Where
// that does not do for all threads there are fewer of them, but two: with eight in
// 96 MiB the resident size came to 1.2 × the budget.
func Share(memory int64, threads int) (pool int64, slots int) {
	if memory <= 0 {
		return 0, threads
	}
	if threads > 2 {
		threads = min(threads, max(2, int((memory/2-program)/scratch)))
	}
	return memory - min(memory/2, program+int64(threads)*scratch), threads
}

// BudgetOf is the budget of a process of which Share gives so many bytes to buffers.
func BudgetOf(pool int64, threads int) int64 {
	return pool + min(pool, program+int64(threads)*scratch)
}

// program and scratch are what a process uses beside buffers, and each thread.
const program, scratch = 40 << 20, 6 << 20

// NewNode returns a node. Close it to remove its spill files.
func NewNode(o Options) *Node {
	n := &Node{pool: mem.NewPool(o.Memory), dir: spill.NewDir(o.SpillDir), threads: max(1, o.Threads), limit: max(0, o.Memory), piece: 64 << 20}
	n.dir.Limit(o.Spill)
	n.dir.Draw(n.pool)
	n.dir.Tell(o.Rotten)
	if n.limit > 0 {
		n.piece = min(max(n.limit/256, 64<<10), 4<<20)
	}
	n.m = node.New(node.Config{Slots: int32(n.threads), Budget: n.limit, Spill: spillLine, Hard: hardLine, Pause: pauseLine})
	n.house = account{n: n, num: node.House, answer: make(chan bool, 1)}
	if n.limit > 0 {
		n.step(node.Event{Kind: node.Measure})
	}
	n.room.Store(n.m.Room())
	return n
}

// Close waits for what runs, removes the spill folder and gives cached memory
// back. Whoever has handed work to the node has cancelled it before.
func (n *Node) Close() error { n.wg.Wait(); n.pool.Trim(); return n.dir.Close() }

// Pool returns the memory pool, for its figures.
func (n *Node) Pool() *mem.Pool { return n.pool }

// Spilled returns the bytes ever written to spill files.
func (n *Node) Spilled() int64 { return n.dir.Written() }

// OnDisk returns the bytes of the spill files there are.
func (n *Node) OnDisk() int64 { return n.dir.Held() }

// Full reports whether the disk refused the last that was to be spilled.
func (n *Node) Full() bool { return n.dir.Full() }

// Try looks whether a full disk has room again, and lets blocks it had refused be
// spilled then.
func (n *Node) Try() bool {
	if !n.dir.Try() {
		return false
	}
	n.fault.Store(nil)
	n.step(node.Event{Kind: node.Spilled, Value: -1, OK: true})
	return true
}

// Threads returns the number of slots.
func (n *Node) Threads() int { return n.threads }

// Waiting returns how many tasks wait for a slot, memory or their inputs.
func (n *Node) Waiting() int { return int(n.waiting.Load()) }

// Crowded reports whether more tasks run than there are slots, since some have come back:
// who has a slot for many tasks begins none then.
func (n *Node) Crowded() bool { return n.idle.Load() < 0 }

// Check returns the first broken invariant of the machine, and whether it counts
// less than the pool has handed out; for tests, when nothing runs.
func (n *Node) Check() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.m.Check()
}

// Alloc is for what outlives tasks: see op.Task.Shared.
func (n *Node) Alloc(size int) []byte { return n.house.alloc(size) }

// Free implements mem.Allocator.
func (n *Node) Free(b []byte) {
	if k := int64(cap(b)); k > 0 {
		n.pool.Free(b)
		n.house.give(k)
	}
}

// A seat is a task the machine knows. It runs on a goroutine of its own once it
// is admitted.
type seat struct {
	account
	run     func()
	gone    func() // instead of run, when it was taken back
	known   bool   // has a number
	started bool

	crowd   sync.Mutex // guards demands
	demands []*demand
	recall  atomic.Int32 // lent slots that others wait for
	rest    rest
}

// queue makes a seat known to the machine. Lower keys go first.
func (n *Node) queue(s *seat, key uint64, need op.Need, in []chunk.Value) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.n, s.known = n, true
	s.num = number(&n.unused.seats, &n.seats, s)
	ev := node.Event{Kind: node.Queue, Task: s.num, Key: key, Floor: need.Floor, Want: need.Want}
	for _, v := range in {
		if b := storedOf(v); b != nil && b.node == n && b.num >= 0 {
			ev.In = append(ev.In, b.num)
		}
	}
	s.floor = need.Floor
	n.stepLocked(ev)
}

// number gives x the smallest list position that is free.
func number[T any](unused *[]int32, list *[]T, x T) int32 {
	if k := len(*unused); k > 0 {
		i := (*unused)[k-1]
		*unused = (*unused)[:k-1]
		(*list)[i] = x
		return i
	}
	*list = append(*list, x)
	return int32(len(*list) - 1)
}

// Go runs f on a slot, in the order of keys among the other tasks: for many tasks
// at once that need no memory of the node. When it is taken back before it has begun
// gone is called.
func (n *Node) Go(key uint64, f, gone func()) *Seat {
	s := &seat{run: f, gone: gone}
	n.queue(s, key, op.Need{}, nil)
	return &Seat{s}
}

// A Seat is the place of a task at its node. What comes too late changes nothing.
type Seat struct{ s *seat }

// Take gives the task up if it has not begun.
func (x *Seat) Take() { x.s.n.take(x.s) }

// Leave gives the slot of a task that runs to others, while it waits for some. It keeps its
// memory.
func (x *Seat) Leave() { x.s.tell(node.Away) }

// Back says that the task goes on: it has a slot again, or runs without one.
func (x *Seat) Back() { x.s.tell(node.Back) }

// tell tells the machine something about a task that runs.
func (s *seat) tell(kind node.EventKind) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	if s.started && s.n.seats[s.num] == s {
		s.n.stepLocked(node.Event{Kind: kind, Task: s.num})
	}
}

// Press says whether the process has more memory than it may, whoever took it: then
// nothing starts beside what runs.
func (n *Node) Press(over bool) { n.step(node.Event{Kind: node.Press, OK: over}) }

// take withdraws a seat that has not started.
func (n *Node) take(s *seat) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.known && !s.started && n.seats[s.num] == s {
		n.stepLocked(node.Event{Kind: node.Take, Task: s.num})
	}
}

// occupy runs a seat that was admitted.
func (n *Node) occupy(s *seat) {
	defer n.wg.Done()
	defer n.vacate(s)
	s.run()
}

// vacate ends a seat whose work is done.
func (n *Node) vacate(s *seat) {
	s.close()
	n.mu.Lock()
	defer n.mu.Unlock()
	num := s.num
	n.seats[num] = nil
	n.stepLocked(node.Event{Kind: node.End, Task: num, Value: -1})
	n.unused.seats = append(n.unused.seats, num)
}

func (n *Node) step(ev node.Event) {
	n.mu.Lock()
	n.stepLocked(ev)
	n.mu.Unlock()
}

// stepLocked tells the machine what happened and carries out what it says.
func (n *Node) stepLocked(ev node.Event) {
	n.measure()
	n.later = append(n.later, ev)
	for i := 0; i < len(n.later); i++ {
		n.acts = n.m.Step(n.later[i], n.acts[:0])
		for k := range n.acts {
			n.do(&n.acts[k])
		}
	}
	n.later = n.later[:0]
	n.room.Store(n.m.Room())
	n.waiting.Store(int32(n.m.Waiting()))
	n.idle.Store(n.m.Idle())
	n.hire()
}

// hire starts writers for the moves that are to be made: as many as there are slots
// that are idle, or whose threads wait for memory. So a node of n threads uses n
// processors, and whoever wants memory makes room for it: a writer beside n busy
// threads would only take their time.
func (n *Node) hire() {
	for range len(n.moves) {
		if n.writers >= int(n.m.Idle())+n.asking {
			return
		}
		n.writers++
		n.wg.Add(1)
		go n.write()
	}
}

// wait notes that a thread waits for memory, or no longer does.
func (n *Node) wait(threads int) {
	n.mu.Lock()
	n.asking += threads
	n.hire()
	n.mu.Unlock()
}

// measure tells the machine what is really in use, when that has changed by more
// than a hundredth.
func (n *Node) measure() {
	if n.limit == 0 {
		return
	}
	used := n.pool.Used()
	if d := used - n.told; d > n.limit/100 || -d > n.limit/100 {
		n.told = used
		n.later = append(n.later, node.Event{Kind: node.Measure, Bytes: used})
	}
}

// do carries out one action. Nothing here waits or takes long.
func (n *Node) do(a *node.Action) {
	switch a.Kind {
	case node.Start:
		s := n.seats[a.Task]
		s.first = a.Bytes
		s.granted.Store(a.Bytes)
		s.started = true
		n.wg.Add(1)
		go n.occupy(s)
	case node.Gone:
		s := n.seats[a.Task]
		n.seats[a.Task] = nil
		n.unused.seats = append(n.unused.seats, a.Task)
		n.wg.Add(1)
		go func() { defer n.wg.Done(); s.gone() }()
	case node.Grant, node.Evict:
		asker := &n.house
		if a.Task != node.House {
			asker = &n.seats[a.Task].account
		}
		asker.answer <- a.Kind == node.Grant
	case node.Lend:
		if k := n.seats[a.Task].lend(int(a.Slots)); k > 0 {
			n.later = append(n.later, node.Event{Kind: node.Narrow, Task: a.Task, Slots: int32(k)})
		}
	case node.Recall:
		n.seats[a.Task].recall.Add(a.Slots)
		n.seats[a.Task].rest.stir()
	case node.Spill:
		n.moves = append(n.moves, move{n.values[a.Value], a.Value, a.Bytes})
	case node.Drop:
		n.values[a.Value].num = -1
		n.values[a.Value] = nil
		n.unused.values = append(n.unused.values, a.Value)
	}
}

// A move is a stored block of which about so many bytes are to leave memory.
type move struct {
	s     *stored
	num   int32
	bytes int64
}

// write carries out moves until none is left, or threads work on all slots.
func (n *Node) write() {
	defer n.wg.Done()
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.moves) > 0 && n.writers <= int(n.m.Idle())+n.asking {
		n.makeMove()
	}
	n.writers--
}

// carry makes one of the moves on the calling thread, which needs its room; false
// when there is none.
func (n *Node) carry() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.moves) == 0 {
		return false
	}
	n.makeMove()
	return true
}

// makeMove carries out the first move, without the lock, which is held again then.
func (n *Node) makeMove() {
	x := n.moves[0]
	n.moves = n.moves[:copy(n.moves, n.moves[1:])]
	n.mu.Unlock()
	freed, err := x.s.evict(x.bytes)
	if err != nil {
		n.fault.CompareAndSwap(nil, &err)
	}
	n.mu.Lock()
	n.stepLocked(node.Event{Kind: node.Spilled, Value: x.num, OK: err == nil, Bytes: freed})
}

// put tells the machine that a task has put b bytes into its output, or moved some
// of them to disk when b is less than 0.
func (n *Node) put(task int32, s *stored, b int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.num < 0 {
		s.num = number(&n.unused.values, &n.values, s)
	}
	n.stepLocked(node.Event{Kind: node.Put, Task: task, Value: s.num, Bytes: b, Key: s.next})
}

// free tells the machine that a stored block is gone.
func (n *Node) free(s *stored) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.num >= 0 {
		n.stepLocked(node.Event{Kind: node.Free, Value: s.num})
	}
}

// loose tells the machine that parts of a stored block can be spilled again.
func (n *Node) loose(s *stored) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.num >= 0 {
		n.stepLocked(node.Event{Kind: node.Loose, Value: s.num})
	}
}

// Next says that the earliest task to read a block now is the one with this key:
// what is used last is spilled first.
func (n *Node) Next(v chunk.Value, key uint64) {
	s := storedOf(v)
	if s == nil || s.node != n {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s.next = key
	if s.num >= 0 {
		n.stepLocked(node.Event{Kind: node.Next, Value: s.num, Key: key})
	}
}

// storedOf finds the stored block of this process behind a value, nil if it is
// something else.
func storedOf(v chunk.Value) *stored {
	for {
		switch x := v.(type) {
		case *stored:
			return x
		case interface{ Unwrap() chunk.Value }:
			v = x.Unwrap()
		default:
			return nil
		}
	}
}
