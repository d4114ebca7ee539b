package sched

import (
	"cmp"
	"fmt"
	"slices"
)

// Bits of a task. All are facts but for the last three.
const (
	fRunning   uint16 = 1 << iota // who runs it under att
	fHeld                         // who holds the block
	fMade                         // was made at least once: counted in the layer's statistics
	fIssued                       // was delivered at least once
	fDelivered                    // was delivered from where it is held now
	fConsumed                     // the reader is through with it
	fBack                         // was returned once: not asked back again
	fSuspect                      // was at a worker that died: goes to a free slot only
	fAlone                        // runs with nothing beside it
	fTimer                        // waits for the clock
	fCopy                         // the worker that runs it said it still has the block from an earlier session
	fWithdrawn                    // given up: nobody needs it, nor what reads it; counts as consumed
	fNeed                         // not held, and wanted or read by a needed task
	fQueued                       // in the ready heap, in a worker's batch, in alone or in aside
	fSeen                         // the walk was here

	derived = fNeed | fQueued | fSeen
)

const nobody = -1

// reader is an edge seen from its input.
type reader struct {
	l *layer
	e int
}

// edge is an input of a layer, with the reverse lists of a Table.
type edge struct {
	from   *layer
	w      Wiring
	at     []int32
	list   []int32
	sealed bool    // lists are built and checked: both ends are known
	fresh  bool    // of a Table nothing is held: it is claimed when it is known which blocks read. Set by derive
	parted bool    // see Edge.Part
	part   float64 // of a block that a reader reads, once sealed
}

// layer is a layer of a running job: columns of facts and of derived state, one row per task.
type layer struct {
	id   LayerID
	spec Layer
	n    int32 // blocks; 0 until known
	in   []edge
	pos  uint32 // place in the order of layers

	labels uint64 // of the job
	asks   Resources

	// Facts.
	known     bool // n is final
	enough    bool
	st        []uint16
	who       []uint16 // runner or holder
	att       []Attempt
	size      []uint32 // of a held block, in units of 64 bytes
	consumed  int32    // blocks with fConsumed
	made      int32    // blocks with fMade
	withdrawn int32    // blocks with fWithdrawn
	announced int32    // made at the last LayerDone; -1 if there is nothing to make and that was not said
	bytes     int64
	rows      int64
	nanos     float64 // mean time of a task, smoothed

	// Derived.
	readers []reader
	late    int32 // readers whose N is unknown
	nwait   []int32
	nuse    []int32 // needed or running readers, All edges apart
	allUse  int32   // needed or running tasks that read all of it
	held    int32
	need    int32
	allWant bool  // a needed task reads all of it
	swept   bool  // the walk went through all of it
	cur     int32 // the walk's next block, if a target
	next    int32 // Ordered: the first block never delivered
}

func (l *layer) stream() bool { return l.spec.Keep >= Stream }

// limit is the first block that may not start yet: the reader must consume first.
func (l *layer) limit() int32 {
	if l.spec.Window <= 0 || !l.stream() || l.enough {
		return l.n
	}
	return int32(min(int64(l.consumed)+int64(l.spec.Window), int64(l.n)))
}

// wanted says whether block b is to be held whoever reads it.
func (l *layer) wanted(b int32) bool {
	if l.spec.Keep == Drop || l.st[b]&fConsumed != 0 {
		return false
	}
	return !l.enough || l.st[b]&fDelivered != 0
}

// free says that nobody needs block b any more.
func (l *layer) free(b int32) bool {
	return l.nuse[b] == 0 && l.allUse == 0 && l.late == 0 && !l.wanted(b)
}

func (l *layer) complete() bool { return l.known && l.held == l.n }

// makeRoom gives the layer its columns when its number of blocks is known.
func (l *layer) makeRoom(n int32, from *stock) {
	l.known, l.n, l.announced = true, n, min(n, 1)-1
	l.st = from.halves.Take(n)
	l.who = from.halves.Take(n)
	l.att = from.atts.Take(n)
	l.size = from.sizes.Take(n)
	l.nwait = from.counts.Take(n)
	l.nuse = from.counts.Take(n)
}

type jobState uint8

const (
	live jobState = iota
	done          // Finished was said
	dead          // failed or cancelled: waits for the reports of its tasks
)

// record is what is remembered of a task that had trouble.
type record struct {
	causes   []Cause
	fails    int32
	fetches  int32
	over     int32
	sessions int32 // lives of workers it was running on when they ended
	due      int64
}

// job is a submitted job.
type job struct {
	id      JobID
	prio    int32
	labels  uint64
	asks    Resources // of each task
	choosy  bool      // not every worker will do
	borrows bool      // has layers that are lent to it
	state   jobState
	opt     *Options
	stock   *stock
	layers  []*layer
	tasks   int64
	reads   int64 // blocks they read, All edges apart
	running int32
	records map[Block]*record // only tasks that had trouble
	timers  Heap[timer]

	// Derived.
	dirty   bool     // derived state does not follow from the facts: rebuild before use
	order   []*layer // inputs first
	byPos   []*layer // pos → layer
	targets []*layer // layers somebody wants, in the order the walk takes them
	walk    walk
	ready   keyHeap
	alone   []Block // quarantined, ready
	aside   []Block // ready, but no worker that it may go to has room
	unknown int32   // late layers not set yet
	left    int64   // wanted blocks not held
	held    int64   // blocks held
	batched int32   // tasks in workers' batches
	idle    bool    // has nothing to place until something happens
}

// newJob checks a Spec and makes a job of it.
func newJob(id JobID, spec *Spec, opt *Options, from *stock) (*job, string) {
	if spec == nil {
		return nil, "a Submit event carries a Spec"
	}
	j := &job{id: id, prio: spec.Priority, labels: spec.Labels, asks: spec.Resources, opt: opt, stock: from}
	for k := range j.asks {
		if j.asks[k] < 0 {
			return nil, fmt.Sprintf("a task asks for %d of resource %d", j.asks[k], k)
		}
	}
	j.choosy = j.labels != 0 || j.asks != Resources{}
	if msg := j.add(spec.Layers); msg != "" {
		return nil, msg
	}
	if msg := j.wire(); msg != "" {
		return nil, msg
	}
	j.ready = from.keys.Take(int32(min(j.tasks, 1<<16)))[:0]
	return j, ""
}

// add appends layers; wire must follow.
func (j *job) add(layers []Layer) string {
	for i := range layers {
		l := &layer{id: LayerID(len(j.layers)), spec: layers[i], labels: j.labels, asks: j.asks}
		if l.spec.Keep > Ordered {
			return fmt.Sprintf("layer %d: keep is %d, at most %d is known", l.id, l.spec.Keep, Ordered)
		}
		j.layers = append(j.layers, l)
		if l.spec.Late {
			continue
		}
		if msg := j.size(l, l.spec.N); msg != "" {
			return msg
		}
	}
	return ""
}

func (j *job) size(l *layer, n int32) string {
	if n < 0 {
		return fmt.Sprintf("layer %d: %d blocks, must not be negative", l.id, n)
	}
	if j.tasks+int64(n) > j.opt.MaxTasks {
		return fmt.Sprintf("layer %d: %d blocks make %d tasks in the job, at most %d are allowed", l.id, n, j.tasks+int64(n), j.opt.MaxTasks)
	}
	j.tasks += int64(n)
	l.makeRoom(n, j.stock)
	return ""
}

// apply sets late layers and appends layers. On error the job must not be used further.
func (j *job) apply(x *Extension) string {
	if x == nil {
		return "an Extend event carries an Extension"
	}
	for _, s := range x.Set {
		if s.Layer < 0 || int(s.Layer) >= len(j.layers) {
			return fmt.Sprintf("extension sets layer %d, the job has %d layers", s.Layer, len(j.layers))
		}
		l := j.layers[s.Layer]
		if l.known {
			return fmt.Sprintf("extension sets layer %d, which is not late or was set before", s.Layer)
		}
		if s.In != nil {
			l.spec.In, l.in = s.In, nil
		}
		if msg := j.size(l, s.N); msg != "" {
			return msg
		}
	}
	if msg := j.add(x.Add); msg != "" {
		return msg
	}
	return j.wire()
}

// wire connects the layers: edges with their reverse, the order of layers, the targets.
func (j *job) wire() string {
	j.unknown = 0
	for _, l := range j.layers {
		l.readers, l.late = l.readers[:0], 0
		if !l.known {
			j.unknown++
		}
		if l.in != nil {
			continue
		}
		l.in = make([]edge, len(l.spec.In))
		for i, e := range l.spec.In {
			if e.From < 0 || int(e.From) >= len(j.layers) {
				return fmt.Sprintf("layer %d, input %d: reads layer %d, the job has %d layers", l.id, i, e.From, len(j.layers))
			}
			l.in[i] = edge{from: j.layers[e.From], w: e.Wiring, parted: e.Part}
		}
	}
	for _, l := range j.layers {
		for i := range l.in {
			e := &l.in[i]
			switch {
			case !l.known:
				e.from.late++
				continue
			case e.from.known && !e.sealed:
				if msg := j.seal(l, e); msg != "" {
					return fmt.Sprintf("layer %d, input %d: %s", l.id, i, msg)
				}
			}
			e.from.readers = append(e.from.readers, reader{l, i})
		}
	}
	return j.sort()
}

// seal checks an edge whose both ends are known.
func (j *job) seal(l *layer, e *edge) string {
	w, reads := &e.w, int64(0)
	e.part = 1
	switch w.Kind {
	case One:
		if l.n != e.from.n {
			return fmt.Sprintf("one-to-one from %d blocks to %d, must be equal", e.from.n, l.n)
		}
		reads = int64(l.n)
	case Span:
		reads = w.most(l.n, e.from.n)
	case All:
	case Table:
		if msg := w.check(l.n, e.from.n, e.from == l); msg != "" {
			return msg
		}
		reads = int64(w.At[l.n] - w.At[0])
	default:
		return fmt.Sprintf("wiring is %d, at most %d is known", w.Kind, Table)
	}
	if e.from == l && w.Kind != Table {
		return "only a table may read its own layer"
	}
	if j.reads += reads; j.reads > j.opt.MaxReads {
		return fmt.Sprintf("%d blocks read by %d tasks make %d in the job, at most %d are allowed", reads, l.n, j.reads, j.opt.MaxReads)
	}
	if w.Kind == Table {
		e.at, e.list = w.reverse(e.from.n, j.stock)
	}
	if w.Kind == All {
		reads = int64(l.n) * int64(e.from.n)
	}
	if e.parted && reads > 0 {
		e.part = min(1, float64(e.from.n)/float64(reads))
	}
	e.sealed = true
	return ""
}

// check says what is wrong with the lists of a Table read by n blocks from m blocks.
func (w *Wiring) check(n, m int32, self bool) string {
	if len(w.At) != int(n)+1 {
		return fmt.Sprintf("table has %d row ends, must be %d", len(w.At), n+1)
	}
	if w.At[0] < 0 || int(w.At[n]) > len(w.List) {
		return fmt.Sprintf("table rows cover [%d, %d) of %d entries", w.At[0], w.At[n], len(w.List))
	}
	for b := range n {
		if w.At[b] > w.At[b+1] {
			return fmt.Sprintf("table row %d ends before it begins", b)
		}
	}
	for b := range n {
		top := m
		if self {
			top = b
		}
		for _, x := range w.List[w.At[b]:w.At[b+1]] {
			if x < 0 || x >= top {
				return fmt.Sprintf("table row %d names block %d, must be in [0, %d)", b, x, top)
			}
		}
	}
	return ""
}

// circle returns the layers of one circle, given that layers with missing > 0 are on one or behind one.
func (j *job) circle(missing []int32) (path []LayerID) {
	at := slices.IndexFunc(missing, func(m int32) bool { return m > 0 })
	for l := j.layers[at]; ; {
		if i := slices.Index(path, l.id); i >= 0 {
			return path[i:]
		}
		path = append(path, l.id)
		l = l.in[slices.IndexFunc(l.in, func(e edge) bool { return e.from != l && missing[e.from.id] > 0 })].from
	}
}

// sort puts inputs before readers (Kahn 1962), and ranks the layers.
func (j *job) sort() string {
	missing := make([]int32, len(j.layers))
	for _, l := range j.layers {
		for i := range l.in {
			if l.in[i].from != l {
				missing[l.id]++
			}
		}
	}
	j.order = j.order[:0]
	for _, l := range j.layers {
		if missing[l.id] == 0 {
			j.order = append(j.order, l)
		}
	}
	for i := 0; i < len(j.order); i++ {
		from := j.order[i]
		for _, r := range from.readers {
			if r.l == from {
				continue
			}
			if missing[r.l.id]--; missing[r.l.id] == 0 {
				j.order = append(j.order, r.l)
			}
		}
		if from.late == 0 {
			continue
		}
		for _, r := range j.layers { // late readers are not in readers, and few
			for k := range r.in {
				if r.known || r.in[k].from != from {
					continue
				}
				if missing[r.id]--; missing[r.id] == 0 {
					j.order = append(j.order, r)
				}
			}
		}
	}
	if len(j.order) < len(j.layers) {
		return fmt.Sprintf("layers %v wait for each other in a circle", j.circle(missing))
	}
	j.byPos = append(j.byPos[:0], j.order...)
	slices.Reverse(j.byPos)
	slices.SortStableFunc(j.byPos, func(a, b *layer) int { return cmp.Compare(a.spec.Rank, b.spec.Rank) })
	j.targets = j.targets[:0]
	for p, l := range j.byPos {
		l.pos = uint32(p)
		if l.known && (l.spec.Keep != Drop || l.late > 0) {
			j.targets = append(j.targets, l)
		}
	}
	slices.SortStableFunc(j.targets, func(a, b *layer) int {
		return cmp.Or(cmp.Compare(a.spec.Rank, b.spec.Rank), cmp.Compare(a.id, b.id))
	})
	return ""
}
