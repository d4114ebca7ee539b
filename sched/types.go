package sched

// JobID numbers a job. The driver chooses it; a number is used once.
type JobID int32

// LayerID is the position of a layer in its job: Spec.Layers first, then what Extend adds.
type LayerID int32

// WorkerID numbers a place where tasks run. The driver chooses small numbers, from 0 up to MaxWorkers-1,
// and uses the same number when the same worker comes back (with a higher Session).
type WorkerID int32

// MaxWorkers bounds WorkerID.
const MaxWorkers = 1 << 16

// Session numbers one life of a worker, or one connection to it: whoever cannot be sure that a worker still has
// what it had opens a new, higher session. Reports of an older session change nothing.
type Session uint32

// Attempt names one Run action, unique in a State. Every report about a task carries the attempt it speaks of.
type Attempt uint32

// WiringKind says which blocks of an input layer a block needs.
type WiringKind uint8

// The wirings. Only Table stores lists; the others are computed.
const (
	One   WiringKind = iota // block b needs block b; both layers have the same N
	Span                    // block b needs blocks [First+b*Stride, First+b*Stride+N), clipped to the input's blocks
	All                     // every block needs every block of the input: counted once per layer
	Table                   // block b needs blocks List[At[b]:At[b+1]]
)

// Wiring is the shape of an edge. Stride may be zero (all blocks read the same span) or negative. In a Table
// len(At) is N+1 of the reading layer. A Table may read its own layer, lower-numbered
// blocks only, so that an arbitrary graph of tasks is one layer. Wide spans cost as much as the lists they stand
// for: a reader of everything says All.
type Wiring struct {
	Kind             WiringKind
	First, N, Stride int32   // Span
	At, List         []int32 // Table; the State keeps the slices and never writes them
}

// Edge is an input of a layer.
type Edge struct {
	From   LayerID
	Wiring Wiring
	Run    int32 // reduce run, as the plan has it; carried for the driver, not read here
	Part   bool  // of a block a reader reads its part, all readers about as much, and not all of it
}

// Keep says what becomes of the blocks of a layer, beside feeding other layers.
type Keep uint8

// What becomes of the blocks of a layer.
const (
	Drop    Keep = iota // freed after the last reader; never computed when nobody reads them
	Pin                 // computed and held until the job is cancelled (Persist)
	Stream              // computed and delivered as they come, held until Consumed
	Ordered             // computed and delivered in block order, held until Consumed
)

// Retry is the policy of a layer for failures that are the task's own (classes User and Corrupt).
type Retry struct {
	Max   int32 // failures forgiven per task; 0 means the first one fails the job
	Delay int64 // nanoseconds before the first retry, doubled each time
	Cap   int64 // longest delay, 0 means none
}

// Layer is N tasks of one kind. Edges may point to any layer of the job as long as there is no circle.
type Layer struct {
	N      int32 // tasks (= blocks); ignored while Late
	In     []Edge
	Late   bool  // N is not known yet: an Extension sets it. Until then all blocks of its inputs are computed and kept.
	Rank   int32 // static order from the optimizer, lower runs first; among equals the layer nearer to the results
	Keep   Keep
	Window int32 // Stream, Ordered: blocks allowed to start before the reader has consumed as many; 0 means no bound
	Retry  Retry
	Floor  int64 // bytes one task cannot do without: workers with less memory never get it
	Lent   *Lent // its blocks are those of another job
	Given  bool  // its tasks only wait for what comes from outside: they are not what ends a worker
}

// Spec is a job to submit.
type Spec struct {
	Priority int32 // higher first; jobs of equal priority share the slots
	// Labels are bits that a worker must have all of to be given a task, numbered by the
	// driver. While no worker has them the job waits.
	Labels uint64
	// Resources are what each of its tasks takes of its worker's, from Run on until it is
	// reported. While no worker has them the job waits.
	Resources Resources
	Layers    []Layer
}

// MaxResources is how many kinds of resources there may be.
const MaxResources = 8

// Resources are how many there are of each kind (processors of graphics, licences), numbered by the driver.
type Resources [MaxResources]int32

// Within reports that there are as many of each kind in what is there.
func (r *Resources) Within(there *Resources) bool {
	if *r == (Resources{}) {
		return true
	}
	for k := range r {
		if r[k] > there[k] {
			return false
		}
	}
	return true
}

// Extension makes late layers definite and appends layers, all at once.
type Extension struct {
	Set []Late
	Add []Layer
}

// Late gives a late layer its number of blocks. A nil In keeps the edges it was submitted with.
type Late struct {
	Layer LayerID
	N     int32
	In    []Edge
}

// Class says why a task failed.
type Class uint8

// Classes of failure, and what the scheduler does about them.
const (
	User       Class = iota // the operator said no: retried if Event.Retryable and the layer's policy allows
	LostInput               // an input was not there: see FetchFailed
	LostWorker              // the worker went away: run elsewhere, Options.Poison lives at most, not counting one that ended while more tasks were there than it has slots
	OverMemory              // did not fit: once more, alone on a worker, then the job fails
	Corrupt                 // an input or output did not have its checksum: like FetchFailed if Dep is given, else like User
	Invalid                 // the Spec or Extension is wrong (Fail only)
	Cancelled               // by Cancel (Fail only)
)

// EventKind says what happened.
type EventKind uint8

// The events, with the fields of Event that count. Events of workers (from Started to Mem, Running, Moved, Away and Back) count only when
// Worker is up under Session; those about a task only when Attempt is the one that runs.
const (
	Submit      EventKind = iota // Job, Spec
	Extend                       // Job, Ext
	WorkerUp                     // Worker, Session, Slots, Queue, Bytes (its memory), Bandwidth, Disk, Labels, Resources
	WorkerDown                   // Worker, Session, Code (a cause for the story)
	Started                      // a task left the worker's queue. It may be left out: it tells whom to blame if the worker dies, and what not to ask back.
	Done                         // Bytes, Rows, Nanos: the block is held by Worker
	Failed                       // Class, Retryable, Code; Dep for LostInput and Corrupt
	FetchFailed                  // Dep was not at DepWorker (where Inputs or Holder had said): the task could not run
	Returned                     // the answer to Return when the task had not started
	Held                         // Layer, Block, N, Bytes and Rows (of each): a new session says what it still has
	Missing                      // Layer, Block: not at Worker, where Deliver or Holder had said, as a reader found out
	Mem                          // Bytes in use, Spilled beside them on disk, Paused: give it nothing new; Now rises from report to report, older ones are stale
	Consumed                     // Job, Layer, Block, N: delivered blocks were read, their memory may go
	Enough                       // Job, Layer: the reader wants no more of this layer
	Cancel                       // Job: stop it, or drop what a finished one has pinned
	Tick                         // Now
	Running                      // Layer, Block, Away: a new session says what it still runs. Answered with Run where that is welcome, else not at all. What is away has a place beyond what there are, and is said to be Away under the new attempt, if it still is.
	Read                         // Job, Layer, Block, N: like Consumed, of blocks a reader has had since before this State began
	Moved                        // Bytes came to Worker from DepWorker in Nanos; Now as for Mem
	Withdraw                     // Job, Layer, Block, N: these tasks are given up, and all that read them, one way or another. What else the job has goes on.
	Away                         // a task that runs only waits, for other tasks maybe: until Back, or its end, it takes no place
	Back                         // it goes on, whether a slot is free or not
)

// Event is something that happened outside. Zero N means 1.
type Event struct {
	Kind      EventKind
	Class     Class
	Retryable bool
	Paused    bool
	Away      bool // Running: the task is away
	Job       JobID
	Layer     LayerID
	Block, N  int32
	Dep       Block
	DepWorker WorkerID
	Worker    WorkerID
	Session   Session
	Attempt   Attempt
	Slots     int32
	Queue     int32 // tasks sent ahead, beyond Slots, so that a worker need not wait for the next one
	Code      int64 // the driver's own word (an exit status, the number of an error); comes back in Cause
	Bytes     int64
	Spilled   int64
	Rows      int64
	Nanos     int64 // how long the task ran, or the bytes took
	Now       int64 // nanoseconds of any monotonic clock
	Bandwidth int64 // bytes a second into this worker from one it was not measured with; 0 means the mean of what was measured
	Disk      int64 // bytes a second from its disk; 0 means DefaultDisk
	Labels    uint64
	Resources *Resources // nil means none
	Spec      *Spec
	Ext       *Extension
}

// Block names a block of a job (and the task that makes it).
type Block struct {
	Layer LayerID
	Block int32
}

// ActionKind says what the driver must do.
type ActionKind uint8

// The actions, with the fields of Action that count.
const (
	Run       ActionKind = iota // Worker runs tasks First…First+N-1 of Layer, each on one slot, under one Attempt. Alone: nothing beside it.
	Free                        // Worker drops blocks First…First+N-1 of Layer
	Return                      // Worker gives the task back if it has not started: answers Returned, or Started
	Deliver                     // block First of Layer, at Worker, goes to the reader, who answers Consumed
	LayerDone                   // nothing of Layer is missing: N blocks have been made, of Bytes and Rows in all. Said again if more are needed later.
	Fail                        // the job fails: Err. The driver stops its tasks; each still reports Done, Failed or Returned.
	Finished                    // all that was wanted is held or delivered
	Closed                      // nothing of Job runs or is held any more; the State has forgotten it
	Halt                        // Worker stops task First of Layer, queued or running: it was withdrawn. It still reports: Returned, or Done if it had ended. Attempt 0: it goes on from an earlier session.
)

// Action is something the driver must do, in the order given.
type Action struct {
	Kind     ActionKind
	Alone    bool
	Job      JobID
	Layer    LayerID
	First, N int32
	Worker   WorkerID
	Session  Session
	Attempt  Attempt
	Bytes    int64
	Rows     int64
	Err      *JobError
}

// Cause is one failure among those that made a job fail.
type Cause struct {
	Class   Class
	Worker  WorkerID
	Session Session
	Attempt Attempt
	Code    int64
}

// JobError says why a job failed.
type JobError struct {
	Class  Class
	Task   Block // Block -1 when the failure is of the layer or of the job
	Causes []Cause
	Text   string // Invalid: what is wrong and what would be right
}
