package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// world plays the driver of a node: it keeps what the node said and answers in any order.
type world struct {
	t      testing.TB
	n      *Node
	acts   []Action
	coming []Event
	run    map[int32]int64
	extra  map[int32]int64
	place  map[int32]string // memory, disk or both, of the driver's own books
	spills int
	log    []string
}

func newWorld(t testing.TB, cfg Config) *world {
	return &world{t: t, n: New(cfg), run: map[int32]int64{}, extra: map[int32]int64{}, place: map[int32]string{}}
}

func (w *world) step(ev Event) {
	if (ev.Kind == Have || ev.Kind == End && ev.Value >= 0) && w.place[ev.Value] != "both" {
		w.place[ev.Value] = "memory"
	}
	w.acts = w.n.Step(ev, w.acts[:0])
	if err := w.n.Check(); err != nil {
		w.t.Fatalf("after %+v: %v", ev, err)
	}
	for _, a := range w.acts {
		w.log = append(w.log, fmt.Sprint(a.Kind, a.Task, a.Value, a.Bytes))
		switch a.Kind {
		case Start:
			w.run[a.Task] = a.Bytes
		case Fetch, Load:
			if a.Kind == Load && w.place[a.Value] != "disk" {
				w.t.Fatalf("load of %d, which is in %q", a.Value, w.place[a.Value])
			}
			w.coming = append(w.coming, Event{Kind: Have, Value: a.Value, Bytes: 10})
		case Spill:
			if v := &w.n.values[a.Value]; v.parts {
				w.coming = append(w.coming, Event{Kind: Spilled, Value: a.Value, OK: true, Bytes: min(a.Bytes+3, v.bytes)})
				continue
			}
			if w.place[a.Value] != "memory" {
				w.t.Fatalf("spill of %d, which is in %q", a.Value, w.place[a.Value])
			}
			w.spills++
			w.place[a.Value] = "both"
			w.coming = append(w.coming, Event{Kind: Spilled, Value: a.Value, OK: true})
		case Unload:
			w.place[a.Value] = "disk"
		case Discard:
			w.place[a.Value] = "memory"
		case Drop:
			delete(w.place, a.Value)
		}
	}
}

func (w *world) answer(i int) {
	ev := w.coming[i]
	w.coming = slices.Delete(w.coming, i, i+1)
	w.step(ev)
}

func TestAdmission(t *testing.T) {
	w := newWorld(t, Config{Slots: 4, Budget: 100})
	for i := range int32(4) {
		w.step(Event{Kind: Queue, Task: i, Key: uint64(i), Floor: 10, Want: 30})
	}
	if len(w.run) != 2 { // 30+30 fit under 80, a third does not
		t.Fatalf("%d tasks run, 2 fit", len(w.run))
	}
	w.step(Event{Kind: Grow, Task: 0, Bytes: 15})
	if a := w.acts[0]; a.Kind != Grant {
		t.Fatalf("growth below the pause line: %+v", a)
	}
	w.step(Event{Kind: Grow, Task: 0, Bytes: 10})
	if a := w.acts[0]; a.Kind != Evict {
		t.Fatalf("growth above the pause line: %+v", a)
	}
	w.step(Event{Kind: End, Task: 0, Value: -1})
	w.step(Event{Kind: End, Task: 1, Value: -1})
	if len(w.run) != 4 {
		t.Fatalf("%d tasks ran, want 4", len(w.run))
	}
	w.step(Event{Kind: End, Task: 2, Value: -1})
	w.step(Event{Kind: End, Task: 3, Value: -1})
	w.step(Event{Kind: Queue, Task: 5, Floor: 90, Want: 500})
	if w.run[5] != 90 {
		t.Fatalf("a task alone got %d bytes, its floor is 90", w.run[5])
	}
}

func TestSpillByNextUse(t *testing.T) {
	w := newWorld(t, Config{Slots: 1, Budget: 100})
	for v := range int32(6) {
		w.step(Event{Kind: Have, Value: v, Bytes: 10})
		w.step(Event{Kind: Next, Value: v, Key: uint64(100 - v)})
	}
	w.step(Event{Kind: Have, Value: 9, Bytes: 10}) // 70 bytes: one must go, and nobody is known to read this one
	if w.place[9] != "both" {
		t.Fatalf("spilled %v, value 9 is used last", w.place)
	}
	w.answer(0)
	w.step(Event{Kind: Have, Value: 10, Bytes: 5})
	w.step(Event{Kind: Next, Value: 10, Key: 1})
	if w.place[10] != "both" && w.place[0] != "both" {
		t.Fatalf("spilled %v", w.place)
	}
	for len(w.coming) > 0 {
		w.answer(0)
	}
	w.step(Event{Kind: Queue, Task: 0, In: []int32{9, 3}, Want: 10})
	for len(w.coming) > 0 {
		w.answer(0)
	}
	if _, ok := w.run[0]; !ok {
		t.Fatal("a task whose input was on disk did not start")
	}
}

func TestLend(t *testing.T) {
	w := newWorld(t, Config{Slots: 4})
	w.step(Event{Kind: Queue, Task: 0})
	w.step(Event{Kind: Widen, Task: 0, Slots: 8})
	if a := w.acts[0]; a.Kind != Lend || a.Slots != 3 {
		t.Fatalf("3 idle slots, got %+v", a)
	}
	w.step(Event{Kind: Queue, Task: 1})
	if a := w.acts[0]; a.Kind != Recall || a.Task != 0 || a.Slots != 1 {
		t.Fatalf("a task waits for a slot, got %+v", a)
	}
	w.step(Event{Kind: Narrow, Task: 0, Slots: 1})
	if _, ok := w.run[1]; !ok {
		t.Fatal("a slot was given back and the task did not start")
	}
	w.step(Event{Kind: End, Task: 1, Value: -1})
	w.step(Event{Kind: End, Task: 0, Value: -1})
	if w.n.lent != 0 || len(w.n.wide) != 0 {
		t.Fatal("slots stay lent after the end")
	}
}

// TestGrowWaitsForWhatLeaves: a task that asks for more than is free is answered when the spilled parts have left.
func TestGrowWaitsForWhatLeaves(t *testing.T) {
	w := newWorld(t, Config{Slots: 2, Budget: 1000, Spill: 75, Hard: 88, Pause: 100})
	w.step(Event{Kind: Measure, Bytes: 1})
	w.step(Event{Kind: Queue, Task: 0, Floor: 100, Want: 400})
	for v := range int32(3) {
		w.step(Event{Kind: Grow, Task: 0, Bytes: 200})
		w.step(Event{Kind: Put, Task: 0, Value: v, Bytes: 200, Key: uint64(10 + v)})
	}
	if m, _ := w.n.Stored(); m != 600 || w.n.Room() != 0 || len(w.coming) != 0 {
		t.Fatalf("%d stored, room for %d, %v to come", m, w.n.Room(), w.coming)
	}
	w.step(Event{Kind: Grow, Task: 0, Bytes: 150})
	if len(w.acts) != 1 || w.acts[0].Kind != Spill || w.acts[0].Value != 2 || w.acts[0].Bytes != 150 {
		t.Fatalf("150 bytes of the value used last should go, got %+v", w.acts)
	}
	w.answer(0)
	if a := w.acts[0]; a.Kind != Grant || a.Bytes != 150 {
		t.Fatalf("the bytes have left, got %+v", w.acts)
	}
	w.step(Event{Kind: Grow, Task: House, Bytes: 700})
	if a := w.acts[0]; a.Kind != Evict || a.Task != House || len(w.coming) > 0 {
		t.Fatalf("more than could be spilled was asked for, got %+v", w.acts)
	}
	w.step(Event{Kind: Put, Task: 0, Value: 5, Bytes: 550})
	if g := w.n.tasks[0].granted; g != 100 {
		t.Fatalf("a task that put all it had keeps its floor of 100, has %d", g)
	}
}

// TestPartsOfWhatIsRead: parts of a value that a running task reads are spilled last, and asked for again only when its
// readers have moved on.
func TestPartsOfWhatIsRead(t *testing.T) {
	w := newWorld(t, Config{Slots: 3, Budget: 1000, Spill: 75, Hard: 88, Pause: 100})
	w.step(Event{Kind: Measure, Bytes: 1})
	w.step(Event{Kind: Queue, Task: 0, Floor: 500, Want: 500})
	for v := range int32(2) {
		w.step(Event{Kind: Put, Task: 0, Value: v, Bytes: 200, Key: uint64(v)})
	}
	w.step(Event{Kind: Queue, Task: 1, In: []int32{1}})
	w.step(Event{Kind: Grow, Task: 0, Bytes: 150})
	if len(w.coming) != 1 || w.coming[0].Value != 0 {
		t.Fatalf("the value nobody reads should go first: %+v", w.coming)
	}
	w.step(Event{Kind: Spilled, Value: 0, OK: true, Bytes: 200})
	w.coming = w.coming[:0]
	w.step(Event{Kind: Grow, Task: 0, Bytes: 350})
	for _, ev := range w.coming {
		ev.Bytes = 0
		w.step(ev)
	}
	if a := w.acts[0]; a.Kind != Evict {
		t.Fatalf("all that is left is being read, got %+v", w.acts)
	}
	w.coming = w.coming[:0]
	w.step(Event{Kind: Grow, Task: 0, Bytes: 350})
	if a := w.acts[0]; a.Kind != Evict || len(w.coming) > 0 {
		t.Fatalf("nothing has changed since, got %+v", w.acts)
	}
	w.step(Event{Kind: Loose, Value: 1})
	w.step(Event{Kind: Grow, Task: 0, Bytes: 350})
	if len(w.coming) != 1 || w.coming[0].Value != 1 {
		t.Fatalf("parts of value 1 can go now: %+v", w.coming)
	}
}

// TestNoRecallWithoutMemory: a slot is called back for a task that could start on it, not for one that would not fit.
func TestNoRecallWithoutMemory(t *testing.T) {
	w := newWorld(t, Config{Slots: 2, Budget: 100})
	w.step(Event{Kind: Queue, Task: 0, Want: 60})
	w.step(Event{Kind: Widen, Task: 0, Slots: 1})
	w.step(Event{Kind: Queue, Task: 1, Key: 1, Want: 30})
	if len(w.acts) > 0 {
		t.Fatalf("no memory for task 1, got %+v", w.acts)
	}
	w.step(Event{Kind: Queue, Task: 2, Key: 2, Want: 10})
	if len(w.acts) != 1 || w.acts[0].Kind != Recall {
		t.Fatalf("task 2 waits for a slot only, got %+v", w.acts)
	}
	w.step(Event{Kind: Narrow, Task: 0, Slots: 1})
	if _, ok := w.run[2]; !ok {
		t.Fatal("task 2 did not start")
	}
}

func TestAlone(t *testing.T) {
	w := newWorld(t, Config{Slots: 4})
	w.step(Event{Kind: Queue, Task: 0, Key: 1})
	w.step(Event{Kind: Queue, Task: 1, Key: 2, Alone: true})
	w.step(Event{Kind: Queue, Task: 2, Key: 3})
	if len(w.run) != 1 {
		t.Fatalf("%d run beside a task that wants to be alone", len(w.run))
	}
	w.step(Event{Kind: End, Task: 0, Value: -1})
	if len(w.run) != 2 {
		t.Fatal("the lonely task did not start")
	}
	w.step(Event{Kind: End, Task: 1, Value: -1})
	if len(w.run) != 3 {
		t.Fatal("nothing starts after the lonely task")
	}
}

// A task that is away leaves its slot to others, also one that runs alone; what comes back runs beside them, and nothing
// starts until they are as few as there are slots.
func TestAway(t *testing.T) {
	w := newWorld(t, Config{Slots: 2, Budget: 100})
	for i := range int32(8) {
		w.step(Event{Kind: Queue, Task: i, Key: uint64(i), Floor: 10, Want: 30, Alone: i == 0})
	}
	started := func(what string, want int) {
		t.Helper()
		if len(w.run) != want {
			t.Fatalf("%s: %d tasks have started, want %d", what, len(w.run), want)
		}
	}
	started("alone", 1)
	w.step(Event{Kind: Away, Task: 0})
	started("the first is away, with what it has reserved", 2)
	w.step(Event{Kind: Away, Task: 0})
	w.step(Event{Kind: Away, Task: 1})
	started("two are away, with 60 of 80 bytes", 3)
	w.step(Event{Kind: Away, Task: 2})
	started("three are away, with more than there is: one starts all the same", 4)
	w.step(Event{Kind: Back, Task: 0})
	w.step(Event{Kind: Back, Task: 1})
	w.step(Event{Kind: Back, Task: 1})
	if n := w.n.Idle(); n != -1 {
		t.Fatalf("%d slots are idle, want one less than none", n)
	}
	w.step(Event{Kind: End, Task: 0, Value: -1})
	w.step(Event{Kind: End, Task: 2, Value: -1}) // while it is away
	started("two run", 4)
	w.step(Event{Kind: End, Task: 1, Value: -1})
	started("one runs", 5)
}

// TestChaos drives nodes with random work under little memory: every task must start or be taken back, books must balance.
func TestChaos(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 100
	}
	for seed := range seeds {
		chaos(t, seed)
	}
}

func chaos(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t, Config{Slots: 1 + r.Int32N(4), Budget: 60 + r.Int64N(200)})
	queued, ended := map[int32]bool{}, 0
	const tasks = 40
	next := int32(0)
	for ended < tasks {
		switch k := r.IntN(10); {
		case k < 3 && next < tasks:
			var in []int32
			for range r.IntN(4) {
				v := r.Int32N(30)
				if r.IntN(3) == 0 && w.n.value(70+v%5) != nil {
					in = append(in, 70+v%5)
					continue
				}
				if w.n.value(v) == nil {
					w.step(Event{Kind: Remote, Value: v, Bytes: 10})
				}
				in = append(in, v)
			}
			queued[next] = true
			w.step(Event{Kind: Queue, Task: next, Key: uint64(r.IntN(50)), Floor: 5, Want: 5 + r.Int64N(60), In: in, Alone: r.IntN(12) == 0})
			next++
		case k < 6 && len(w.coming) > 0:
			i := r.IntN(len(w.coming))
			if r.IntN(8) == 0 {
				if ev := &w.coming[i]; ev.Kind == Spilled {
					ev.OK, ev.Bytes = r.IntN(2) == 0 && ev.Bytes > 0, 0
				} else {
					*ev = Event{Kind: Lost, Value: ev.Value}
				}
			}
			w.answer(i)
		case k < 8 && len(w.run) > 0:
			i := slices.Sorted(maps(w.run))[r.IntN(len(w.run))]
			switch r.IntN(11) {
			case 0:
				w.step(Event{Kind: Grow, Task: i - r.Int32N(2)*(i-House), Bytes: r.Int64N(30)})
			case 5:
				w.step(Event{Kind: Put, Task: i, Value: 70 + r.Int32N(5), Bytes: r.Int64N(20), Key: uint64(r.IntN(50))})
			case 6:
				w.step(Event{Kind: Short, Task: i, Bytes: r.Int64N(10)})
			case 7:
				w.step(Event{Kind: Shrink, Task: i - r.Int32N(2)*(i-House), Bytes: r.Int64N(30)})
			case 8:
				w.step(Event{Kind: []EventKind{Content, Loose, Measure, Press}[r.IntN(4)], OK: r.IntN(2) == 0, Task: i, Value: 70 + r.Int32N(5), Slots: 1, Bytes: r.Int64N(80)})
			case 9:
				w.step(Event{Kind: Away, Task: i})
			case 10:
				w.step(Event{Kind: Back, Task: i})
			case 1:
				w.step(Event{Kind: Widen, Task: i, Slots: 2})
			case 2:
				w.step(Event{Kind: Narrow, Task: i, Slots: 1})
			default:
				delete(w.run, i)
				w.step(Event{Kind: End, Task: i, Value: 30 + i, Bytes: r.Int64N(40)})
				delete(queued, i)
				ended++
			}
		case k == 8:
			w.step(Event{Kind: Free, Value: r.Int32N(75)})
		default:
			w.step(Event{Kind: Take, Task: r.Int32N(tasks)})
		}
		for _, a := range w.acts {
			if a.Kind == Gone && queued[a.Task] {
				delete(queued, a.Task)
				ended++
			}
		}
		if next == tasks && len(w.coming) == 0 && len(w.run) == 0 && len(queued) > 0 {
			t.Fatalf("seed %d: %d tasks never started", seed, len(queued))
		}
	}
}

func maps(m map[int32]int64) func(func(int32) bool) {
	return func(yield func(int32) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// FuzzStep throws any events at a node: it must not panic, and its books must balance.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13})
	f.Fuzz(func(t *testing.T, data []byte) {
		n := New(Config{Slots: 3, Budget: 200})
		var acts []Action
		for ; len(data) >= 6; data = data[6:] {
			ev := Event{Kind: EventKind(data[0] % 22), Parts: data[1]&8 == 8, OK: data[1]&1 == 0, Alone: data[1]&6 == 6, Task: int32(int8(data[2])) % 8,
				Value: int32(int8(data[3])) % 8, Slots: int32(int8(data[4])), Key: uint64(data[4]), Floor: int64(data[4]), Want: int64(data[5]),
				Bytes: int64(int8(data[5])), In: []int32{int32(data[3] % 8), int32(data[4] % 9)}}
			acts = n.Step(ev, acts[:0])
			if err := n.Check(); err != nil {
				t.Fatalf("after %+v: %v", ev, err)
			}
		}
	})
}

func BenchmarkTask(b *testing.B) {
	n := New(Config{Slots: 8, Budget: 1 << 30})
	var acts []Action
	b.ReportAllocs()
	n.Step(Event{Kind: Have, Value: 0, Bytes: 100}, nil)
	in := []int32{0}
	for b.Loop() {
		acts = n.Step(Event{Kind: Queue, Task: 1, Want: 100, In: in}, acts[:0])
		acts = n.Step(Event{Kind: End, Task: 1, Value: 1, Bytes: 100}, acts[:0])
		acts = n.Step(Event{Kind: Free, Value: 1}, acts[:0])
	}
}

// Above the last line a node asks for one task when it has none, and for nothing more: with a full disk it would never get
// below it.
func TestPausedNodeTakesOneTask(t *testing.T) {
	w := newWorld(t, Config{Slots: 2, Budget: 100})
	said := func() (out []bool) {
		for _, a := range w.acts {
			if a.Kind == Level {
				out = append(out, a.Paused)
			}
		}
		return out
	}
	w.step(Event{Kind: Queue, Task: 0, Floor: 1, Want: 50})
	w.step(Event{Kind: End, Task: 0, Value: 0, Bytes: 90})
	if got := said(); !slices.Equal(got, []bool{false}) {
		t.Fatalf("with nothing to run and 90 of 100 bytes stored: paused %v", got)
	}
	for len(w.coming) > 0 {
		w.coming[0].OK = false // the disk is full
		w.answer(0)
	}
	w.step(Event{Kind: Queue, Task: 1, Floor: 1, Want: 50})
	if got := said(); len(w.run) != 2 || !slices.Equal(got, []bool{true}) {
		t.Fatalf("with one task: paused %v, %d have started", got, len(w.run))
	}
	w.step(Event{Kind: Free, Value: 0})
	if got := said(); !slices.Equal(got, []bool{false}) {
		t.Fatalf("with 10 bytes in use: paused %v", got)
	}
}

// A node whose process is short of memory that is not the node's starts nothing beside what runs, says that it is paused,
// and goes on when it is told so.
func TestPressedNodeStartsNothing(t *testing.T) {
	w := newWorld(t, Config{Slots: 3, Budget: 100})
	paused := func() (last bool) {
		for _, a := range w.acts {
			if a.Kind == Level {
				last = a.Paused
			}
		}
		return last
	}
	w.step(Event{Kind: Queue, Task: 0, Floor: 1, Want: 10})
	w.step(Event{Kind: Press, OK: true})
	if !paused() {
		t.Error("pressed, and it asks for tasks")
	}
	for i := range int32(3) {
		w.step(Event{Kind: Queue, Task: 1 + i, Floor: 1, Want: 10})
	}
	if len(w.run) != 1 {
		t.Fatalf("%d tasks have started, want the one from before", len(w.run))
	}
	w.step(Event{Kind: End, Task: 0, Value: -1})
	if len(w.run) != 2 {
		t.Fatalf("%d tasks have started; with nothing beside it one may", len(w.run))
	}
	w.step(Event{Kind: Press})
	if len(w.run) != 4 || paused() {
		t.Fatalf("%d tasks have started when it has memory again", len(w.run))
	}
}

// What a full disk refused stays in memory until the driver says that there is room.
func TestRefusedValuesAreTriedAgain(t *testing.T) {
	n := New(Config{Slots: 1, Budget: 100})
	spills := func(ev Event) (k int) {
		for _, a := range n.Step(ev, nil) {
			if a.Kind == Spill {
				k++
			}
		}
		return k
	}
	if k := spills(Event{Kind: Have, Value: 0, Bytes: 90}); k != 1 {
		t.Fatalf("%d values are spilled of one that is too large", k)
	}
	if k := spills(Event{Kind: Spilled, Value: 0}); k != 0 {
		t.Fatalf("%d values are spilled to a full disk", k)
	}
	if k := spills(Event{Kind: Have, Value: 1, Bytes: 5}); k != 1 {
		t.Fatalf("%d values are spilled, want the new one", k)
	}
	if k := spills(Event{Kind: Spilled, Value: -1, OK: true}); k != 1 {
		t.Fatalf("%d values are spilled when there is room", k)
	}
	if err := n.Check(); err != nil {
		t.Error(err)
	}
}
