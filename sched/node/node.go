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
//	             │ Fetch / Load of inputs        │                 Grow → Grant or Evict; Shrink, Put
//	             └─ Take back → Gone             └ want bytes fit  Widen → Lend, Narrow, Content
//	                                                               Away → its slot is free → Back
//
// A task is admitted when a slot is free, its inputs are here and its want fits under the pause line beside all that is
// reserved and stored. When a slot would stay idle otherwise, values nobody running reads are spilled to make that room,
// the one used last of all first. When nothing runs one task may always start, with as much as there is but never less
// than its floor. Tasks start in the order of their keys; a smaller task may overtake one that does not fit, eight times
// at most.
//
// A running task has what it reserved: others cannot take it. It asks for more with Grow, which is granted up to the pause
// line; where the room must be made first the answer comes when what is being spilled has left memory, and it is Evict
// when that cannot be enough. Nobody waits for another task. What a task puts into its output (Put) turns from reserved to
// stored bytes, and the task keeps its floor.
//
// A running task that only waits, for other tasks maybe, gives its slot to the others with Away, and keeps all that it has
// in memory and what it reads. With Back it has the slot again at once, whether one is free or not: to wait for one could
// mean to wait for ever, since what runs may wait, unseen from here, for something that the returning task has (a lock,
// a place in a channel). So as many more tasks run than there are slots as have come back, and nothing starts until they
// are fewer again. Where all that has begun is away one task may start, as when nothing runs.
//
// # A value
//
//	Have / End ──▶ memory ──▶ spilling ──▶ disk ──▶ loading ──▶ memory
//	Remote ──▶ remote ──▶ fetching ──▶ memory        (failed: the tasks that wait for it are Gone)
//
// A value with Parts (the output of a frame task: runs of batches) is read from where its parts are, so it is never loaded,
// may grow while it is stored, and moves to disk part by part, Spill saying how many bytes should go: it is in the state
// memory all its life. Of such a value what running tasks read may be spilled too, last of all.
//
// # Lines
//
// Of the budget: above Spill values no queued task reads go to disk, down to the line; above Hard all others too, but for
// those running tasks read; above Pause no task starts but one. What is counted is what was reserved, stored and on the
// way, or what the driver measured (Measure) if that is more. What was reserved and is not in use need not be spilled for,
// so a measured node compares what it measured with Spill and Hard, and what was promised with Pause alone.
//
// # The driver's loop
//
//	acts = n.Step(node.Event{Kind: node.Queue, Task: i, Key: key, Floor: floor, Want: want, In: values}, acts[:0])
//	for each action:
//		Start     run task i on one thread with Bytes reserved; then Step(End{Task: i, Value: v, Bytes: size of the result})
//		Fetch     get value v from where it is; then Have{Value: v, Bytes} or Lost{Value: v}
//		Spill     write v to disk, then Spilled{Value: v, OK}; until Unload it stays in memory. Of a value with Parts
//		          about Bytes, and free them, then Spilled{Value: v, OK, Bytes: freed}: there is no Unload.
//		Unload    the file is the value now: release the memory
//		Discard   the value was needed meanwhile: delete the file, the memory is the value
//		Load      read v from disk; then Have or Lost
//		Grant     the task that asked to Grow has its bytes. It must not ask again before it was answered.
//		Evict     it has not, and must spill what it keeps
//		Lend      task i may use Slots more threads; it gives them back with Narrow, at the latest at its End
//		Recall    other tasks wait for the slots lent to task i: Narrow when convenient
//		Gone      task i will not run here: taken back, or an input (Value) was lost (-1: taken back)
//		Drop      nobody uses v any more: release its memory, delete its file
package node

import "github.com/weft-data/weft/sched"

// MaxNumber bounds the numbers of tasks and values.
const MaxNumber = 1 << 24

// House is the number under which Grow and Shrink speak of memory that outlives tasks (a join table that all tasks of a
// layer share).
const House = -1

// EventKind says what happened.
type EventKind uint8

// The events, with the fields of Event that count.
const (
	Queue   EventKind = iota // Task, Key, Floor, Want, In, Alone: a task was assigned
	Take                     // Task: the scheduler wants it back; answered with Gone if it has not started
	End                      // Task: it is over. Value, Bytes: its result is stored here; Value < 0: it made none.
	Have                     // Value, Bytes, Parts: it is in memory now (fetched, loaded, or brought in from outside)
	Lost                     // Value: could not be fetched or loaded
	Remote                   // Value, Bytes: exists elsewhere; fetched when a queued task needs it
	Free                     // Value: nobody will ask for it again
	Spilled                  // Value, OK, Bytes: it was written; not OK: the disk refused it. Answered with Unload or Discard. Value -1 and OK: what it refused before may be tried again.
	Grow                     // Task, Bytes
	Shrink                   // Task, Bytes
	Widen                    // Task, Slots: it could use so many more
	Narrow                   // Task, Slots: gives so many back
	Measure                  // Bytes: memory in use as measured from outside; below 0: it is not measured any more
	Next                     // Value, Key: the earliest task that will read it, as far as known
	Put                      // Task, Value, Bytes: of what the task has reserved goes into the value, one with Parts, made by it; below 0: so many went to disk
	Loose                    // Value: parts of it that were being read are not any more
	Short                    // Task, Bytes: were granted and the allocator has no place for them. Like Grow, but for the account.
	Content                  // Task, Slots: takes back a Widen, as far as it was not answered
	Press                    // OK: the process has more memory than it may, whoever took it: nothing starts beside what runs. Not OK: no more.
	Away                     // Task: it only waits, and needs no slot until Back or End
	Back                     // Task: it goes on
)

// Event is something that happened.
type Event struct {
	Kind  EventKind
	OK    bool
	Parts bool // Have: it is read and spilled in parts
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
	Spill                     // Value, Bytes
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
	away    bool   // running: it has no slot
	left    bool   // running: it has been away
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
	asks    ask
	grow    int64  // bytes asked for
	since   uint32 // Short: Node.writes when it was asked
	in      []int32
}

// ask is what of a running task is not answered yet.
type ask uint8

const (
	nothing ask = iota
	more        // Grow
	place       // Short
)

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
	parts  bool
	taken  bool // all its parts in memory were being read when it should have been spilled
	pins   int32
	refs   int32 // queued and running readers
	stamp  uint32
	bytes  int64  // in memory; of a value without parts on disk, there
	out    int64  // parts: on disk
	going  int64  // parts: bytes of the Spill under way
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
	running  int32   // tasks, but for those that are away
	lent     int32
	alone    bool
	house    task    // what is reserved beyond tasks; only granted and what it asks for count
	asking   []int32 // running tasks, and House, that wait for an answer to Grow or Short, in that order
	writes   uint32  // Spilled events seen
	io       int32   // values on their way in
	reserved int64   // by running tasks
	stored   int64   // by values in memory or on their way in
	leaving  int64   // part of stored that is being spilled
	onDisk   int64
	measured int64
	gauged   bool // measured counts
	pressed  bool // by Press
	level    int
	paused   bool // as Level said last
	hot      bool // victims is kept: memory is above the first line
	victims  sched.Heap[candidate]
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
	return &Node{cfg: cfg, lines: [3]int64{line(cfg.Spill), line(cfg.Hard), line(cfg.Pause)}, house: task{state: running}}
}

// Used returns the bytes counted against the budget.
func (n *Node) Used() int64 { return max(n.reserved+n.stored, n.measured) }

// Room returns the bytes that Grow could have at once, negative when more was promised than there is.
func (n *Node) Room() int64 { return n.lines[toPause] - n.Used() }

// Idle returns the slots that neither run a task nor are lent; below 0 when more tasks have come back than there were.
func (n *Node) Idle() int32 { return n.cfg.Slots - n.running - n.lent }

// Waiting returns the number of tasks that have not started.
func (n *Node) Waiting() int { return len(n.queue) }

// inUse is what counts for spilling: what was promised and is not in use need not be spilled for.
func (n *Node) inUse() int64 {
	if n.gauged {
		return n.measured
	}
	return n.Used()
}

// Stored returns the bytes of values in memory (or on their way in) and on disk.
func (n *Node) Stored() (memory, disk int64) { return n.stored, n.onDisk }

// Step applies an event and appends what must be done to acts. Total: events that name what does not exist change nothing.
func (n *Node) Step(ev Event, acts []Action) []Action {
	n.acts = acts
	n.apply(&ev)
	n.grants()
	n.pump()
	n.spill()
	if n.leaving == 0 {
		n.grants() // a task that started has kept what was to leave
	}
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

// holder returns what has memory reserved under a number: a running task, or the house.
func (n *Node) holder(i int32) *task {
	if i == House {
		return &n.house
	}
	if t := n.task(i); t != nil && t.state == running {
		return t
	}
	return nil
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
		n.have(ev.Value, ev.Bytes, ev.Parts)
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
	case Grow, Short:
		n.onGrow(ev)
	case Shrink:
		if t := n.holder(ev.Task); t != nil {
			n.shrink(t, min(max(ev.Bytes, 0), t.granted))
		}
	case Put:
		n.onPut(ev)
	case Loose:
		if v := n.value(ev.Value); v != nil {
			v.taken = false
			n.offer(ev.Value)
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
	case Content:
		if t := n.task(ev.Task); t != nil && t.state == running && t.asked > 0 {
			t.asked = max(t.asked-max(ev.Slots, 0), t.lent)
			n.unask(ev.Task)
		}
	case Measure:
		n.measured, n.gauged = max(ev.Bytes, 0), ev.Bytes >= 0
	case Press:
		n.pressed = ev.OK
	case Away:
		n.onAway(ev)
	case Back:
		if t := n.task(ev.Task); t != nil && t.state == running && t.away {
			t.away = false
			n.running++
		}
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
