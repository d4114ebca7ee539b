// Package node is the pure machine of one worker: which of its tasks fetches, starts or waits, what lies in memory and
// what on disk, and who gets the idle slots. Like sched it is a function of its events: no goroutine, lock, clock or I/O.
// The scheduler decides where a task runs; the node decides when, by bytes.
//
// # Numbers
//
// The driver numbers the tasks it was given and the values (blocks) it knows with small numbers of its own, from 0 up,
// below MaxNumber; a number may be used again after End, Gone or Drop. So the node needs no map, and a driver finds its
// own data by the same number.
//
// # A task
//
//	Queue ──▶ waiting ──inputs in memory──▶ admitted: Start ──▶ running ──▶ End
//	             │ Fetch / Load of inputs        │                 Grow → Grant or Evict; Shrink
//	             └─ Take back → Gone             └ want bytes fit  Widen → Lend, Narrow
//
// A task is admitted when a slot is free, its inputs are in memory and its want fits under the pause line beside all that is
// reserved and stored; values nobody running reads are spilled to make room, the one used last of all first. When
// nothing runs one task may always start, with as much as there is but never less than its floor. Tasks start in the
// order of their keys; a smaller task may overtake one that does not fit, eight times at most.
//
// # A value
//
//	Have / End ──▶ memory ──▶ spilling ──▶ disk ──▶ loading ──▶ memory
//	Remote ──▶ remote ──▶ fetching ──▶ memory        (failed: the tasks that wait for it are Gone)
//
// # Lines
//
// Of the budget: above Spill values no queued task reads go to disk, down to the line; above Hard all others too, but for
// those running tasks read, and Grow is granted only as far as that makes room; above Pause no task starts but one.
// What is counted is what was reserved, stored and on the way, or what the driver measured (Measure) if that is more.
//
// # The driver's loop
//
//	acts = n.Step(node.Event{Kind: node.Queue, Task: i, Key: key, Floor: floor, Want: want, In: values}, acts[:0])
//	for each action:
//		Start     run task i on one thread with Bytes reserved; then Step(End{Task: i, Value: v, Bytes: size of the result})
//		Fetch     get value v from where it is; then Have{Value: v, Bytes} or Lost{Value: v}
//		Spill     write v to disk, then Spilled{Value: v, OK}; until Unload it stays in memory
//		Unload    the file is the value now: release the memory
//		Discard   the value was needed meanwhile: delete the file, the memory is the value
//		Load      read v from disk; then Have or Lost
//		Grant     the task that asked to Grow has its bytes
//		Evict     it has not, and must spill what it keeps
//		Lend      task i may use Slots more threads; it gives them back with Narrow, at the latest at its End
//		Recall    other tasks wait for the slots lent to task i: Narrow when convenient
//		Gone      task i will not run here: taken back, or an input (Value) was lost (-1: taken back)
//		Drop      nobody uses v any more: release its memory, delete its file
package node

// MaxNumber bounds the numbers of tasks and values.
const MaxNumber = 1 << 24

// EventKind says what happened.
type EventKind uint8

// The events, with the fields of Event that count.
const (
	Queue   EventKind = iota // Task, Key, Floor, Want, In, Alone: a task was assigned
	Take                     // Task: the scheduler wants it back; answered with Gone if it has not started
	End                      // Task: it is over. Value, Bytes: its result is stored here; Value < 0: it made none.
	Have                     // Value, Bytes: it is in memory now (fetched, loaded, or brought in from outside)
	Lost                     // Value: could not be fetched or loaded
	Remote                   // Value, Bytes: exists elsewhere; fetched when a queued task needs it
	Free                     // Value: nobody will ask for it again
	Spilled                  // Value, OK: it was written; not OK: the disk refused it. Answered with Unload or Discard.
	Grow                     // Task, Bytes
	Shrink                   // Task, Bytes
	Widen                    // Task, Slots: it could use so many more
	Narrow                   // Task, Slots: gives so many back
	Measure                  // Bytes: memory in use as measured from outside, 0 means none is measured
	Next                     // Value, Key: the earliest task that will read it, as far as known
)

// Event is something that happened.
type Event struct {
	Kind  EventKind
	OK    bool
	Alone bool // Queue: start only when nothing else runs, and nothing beside it
	Task  int32
	Value int32
	Slots int32
	Key   uint64 // order of tasks, lower first
	Floor int64
	Want  int64 // Queue: bytes it takes beside its inputs, its result included
	Bytes int64
	In    []int32 // values the task reads; the node copies them
}

// ActionKind says what the driver must do.
type ActionKind uint8

// The actions, with the fields of Action that count.
const (
	Start   ActionKind = iota // Task, Bytes
	Fetch                     // Value
	Spill                     // Value
	Load                      // Value
	Unload                    // Value
	Discard                   // Value
	Grant                     // Task, Bytes
	Evict                     // Task, Bytes
	Lend                      // Task, Slots
	Recall                    // Task, Slots
	Gone                      // Task, Value
	Drop                      // Value
	Level                     // Paused, Bytes, OnDisk: what the scheduler's Mem event wants to hear; said when it changes
)

// Action is something the driver must do, in the order given.
type Action struct {
	Kind   ActionKind
	Paused bool
	Task   int32
	Value  int32
	Slots  int32
	Bytes  int64
	OnDisk int64
}

// Config of a node. Lines are parts of the budget in percent; zero values mean 60, 70 and 80.
type Config struct {
	Slots              int32
	Budget             int64 // bytes; 0 means unbounded
	Spill, Hard, Pause int32
	Fetches            int32 // values fetched or loaded at the same time, 0 means 8
}

const ( // index of Node.lines
	toSpill = iota
	toHard
	toPause
)

const (
	idle uint8 = iota
	queued
	running
)

type task struct {
	state   uint8
	alone   bool
	gen     uint32 // of the number: rises whenever a task leaves it
	key     uint64
	floor   int64
	want    int64
	granted int64 // running: bytes reserved
	missing int32 // queued: inputs not in memory
	passes  int32 // queued: tasks that overtook it
	asked   int32 // running: more slots it could use
	lent    int32 // running: more slots it has
	recall  int32 // running: slots it was asked for
	in      []int32
}

const (
	unknown uint8 = iota
	remote
	fetching
	memory
	spilling
	disk
	loading
)

type waiter struct {
	task int32
	gen  uint32
}

type value struct {
	state  uint8
	freed  bool
	stuck  bool // the disk refused it
	writes bool // the driver is writing it
	pins   int32
	refs   int32 // queued and running readers
	stamp  uint32
	bytes  int64
	next   uint64 // key of the next reader known
	hint   uint64 // by Next
	wait   []waiter
}

// Node is the state of one worker. Use New.
type Node struct {
	cfg      Config
	lines    [3]int64 // spill, hard, pause
	tasks    []task
	values   []value
	queue    []int32 // by key
	wide     []int32 // running tasks that asked for slots
	running  int32
	lent     int32
	alone    bool
	io       int32 // values on their way in
	reserved int64 // by running tasks
	stored   int64 // by values in memory or on their way in
	leaving  int64 // part of stored that is being spilled
	onDisk   int64
	measured int64
	level    int
	hot      bool // victims is kept: memory is above the first line
	victims  victims
	acts     []Action
}

// New returns a node with nothing on it.
func New(cfg Config) *Node {
	def := func(v *int32, d int32) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&cfg.Spill, 60)
	def(&cfg.Hard, 70)
	def(&cfg.Pause, 80)
	def(&cfg.Fetches, 8)
	if cfg.Budget <= 0 {
		cfg.Budget = 1 << 62
	}
	cfg.Slots = max(cfg.Slots, 1)
	line := func(percent int32) int64 { return cfg.Budget/100*int64(percent) + cfg.Budget%100*int64(percent)/100 }
	return &Node{cfg: cfg, lines: [3]int64{line(cfg.Spill), line(cfg.Hard), line(cfg.Pause)}}
}

// Used returns the bytes counted against the budget.
func (n *Node) Used() int64 { return max(n.reserved+n.stored, n.measured) }

// Stored returns the bytes of values in memory (or on their way in) and on disk.
func (n *Node) Stored() (memory, disk int64) { return n.stored, n.onDisk }

// Step applies an event and appends what must be done to acts. Total: events that name what does not exist change nothing.
func (n *Node) Step(ev Event, acts []Action) []Action {
	n.acts = acts
	n.apply(&ev)
	n.pump()
	n.spill()
	n.report()
	acts, n.acts = n.acts, nil
	return acts
}

func (n *Node) act(a Action) { n.acts = append(n.acts, a) }

func (n *Node) task(i int32) *task {
	if i < 0 || int(i) >= len(n.tasks) {
		return nil
	}
	return &n.tasks[i]
}

func (n *Node) value(i int32) *value {
	if i < 0 || int(i) >= len(n.values) || n.values[i].state == unknown {
		return nil
	}
	return &n.values[i]
}

func (n *Node) apply(ev *Event) {
	switch ev.Kind {
	case Queue:
		n.onQueue(ev)
	case Take:
		if t := n.task(ev.Task); t != nil && t.state == queued {
			n.leave(ev.Task, -1)
		}
	case End:
		n.onEnd(ev)
	case Have:
		n.have(ev.Value, ev.Bytes)
	case Lost:
		n.onLost(ev)
	case Remote:
		if v := n.add(ev.Value); v != nil {
			v.state, v.bytes = remote, max(ev.Bytes, 0)
		}
	case Free:
		if v := n.value(ev.Value); v != nil {
			v.freed = true
			n.drop(ev.Value)
		}
	case Spilled:
		n.onSpilled(ev)
	case Grow:
		n.onGrow(ev)
	case Shrink:
		if t := n.task(ev.Task); t != nil && t.state == running {
			b := min(max(ev.Bytes, 0), t.granted)
			t.granted -= b
			n.reserved -= b
		}
	case Widen:
		if t := n.task(ev.Task); t != nil && t.state == running && ev.Slots > 0 {
			if t.asked == 0 {
				n.wide = append(n.wide, ev.Task)
			}
			t.asked = int32(min(int64(t.asked)+int64(ev.Slots), int64(n.cfg.Slots)))
		}
	case Narrow:
		if t := n.task(ev.Task); t != nil && t.state == running {
			n.narrow(t, ev.Slots)
			n.unask(ev.Task)
		}
	case Measure:
		n.measured = max(ev.Bytes, 0)
	case Next:
		if v := n.value(ev.Value); v != nil {
			v.hint = ev.Key
			if v.refs == 0 {
				v.next = ev.Key
			}
			n.offer(ev.Value)
		}
	}
}
