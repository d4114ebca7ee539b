package cluster_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/mem"
)

var storms = flag.Int("storms", 24, "seeds of TestStorms")

// A chain is verbs drawn at random: run returns the answer as text.
type chain struct {
	words []string
	run   func(context.Context, graph.Runner) (string, error)
}

func chainOf(rnd *rand.Rand, sales, products *frame.Frame) chain {
	if rnd.IntN(3) == 0 {
		return arrayChain(rnd)
	}
	q := query{f: sales, words: []string{"sales"}, keys: []string{"product", "city", "qty"}, numbers: []string{"price", "qty", "id"}}
	for range 1 + rnd.IntN(5) {
		q.extend(rnd, products)
	}
	return chain{q.words, func(ctx context.Context, r graph.Runner) (string, error) {
		t, err := q.f.Collect(ctx, r)
		if err != nil {
			return "", err
		}
		return strings.Join(lines(t, q.ordered), "\n"), nil
	}}
}

// A query is verbs over tables so far: keys and numbers are columns that it has.
type query struct {
	f                    *frame.Frame
	words, keys, numbers []string
	ordered              bool
}

// extend draws one more verb.
func (q *query) extend(rnd *rand.Rand, products *frame.Frame) {
	key, number, word := q.keys[rnd.IntN(len(q.keys))], q.numbers[rnd.IntN(len(q.numbers))], ""
	ordered := false
	switch rnd.IntN(6) {
	case 0:
		q.f, word = q.f.Filter(frame.Col(number).Gt(float64(rnd.IntN(6)))), "filter "+number
	case 1:
		name := fmt.Sprint("w", len(q.words))
		q.f, word = q.f.WithColumns(frame.Col(number).Mul(2.5).As(name)), name+" of "+number
		q.numbers = append(slices.Clone(q.numbers), name)
	case 2:
		if !slices.Contains(q.keys, "product") || slices.Contains(q.keys, "name") {
			return
		}
		q.f, word = q.f.Join(products, []frame.JoinKind{frame.Inner, frame.Left}[rnd.IntN(2)], "product"), "join"
		q.keys = append(slices.Clone(q.keys), "name")
	case 3:
		q.f, word = q.f.GroupBy(key).Agg(frame.Sum(number).As("s"), frame.Max(number).As("m"), frame.Count().As("n")), "group "+number+" by "+key
		q.keys, q.numbers = []string{key}, []string{"s", "m", "n"}
	case 4:
		cols := []any{key}
		if number != key {
			cols = append(cols, number)
		}
		q.f, word = q.f.Select(cols...).Distinct(), fmt.Sprint("distinct ", cols)
		q.keys, q.numbers = []string{key}, []string{number}
	default:
		by := []any{frame.Desc(number)}
		for _, n := range q.f.Schema().Names() {
			if n != number {
				by = append(by, frame.Asc(n))
			}
		}
		q.f, word, ordered = q.f.Sort(by...), "sort by "+number, true
		if rnd.IntN(2) == 0 {
			q.f, word = q.f.Head(1+rnd.Int64N(2000)), word+" with head"
		}
	}
	q.words, q.ordered = append(q.words, word), ordered
}

// arrayChain draws verbs over an array of 300 x 400 numbers.
func arrayChain(rnd *rand.Rand) chain {
	chunks := func() array.Option { return array.Chunks(50+rnd.IntN(200), 50+rnd.IntN(200)) }
	x, words := array.Random(rnd.Uint64()).Normal(5, 2, []int{300, 400}, chunks()), []string{"array"}
	for range 1 + rnd.IntN(5) {
		rows, cols, word := x.Shape()[0], x.Shape()[1], ""
		switch rnd.IntN(6) {
		case 0:
			x, word = x.Rechunk(20+rnd.IntN(rows), 20+rnd.IntN(cols)), "rechunk"
		case 1:
			x, word = x.Transpose(), "transpose"
		case 2:
			x, word = x.Sub(x.Mean(0)).Mul(1.5), "minus mean"
		case 3:
			x, word = x.CumSum(rnd.IntN(2)), "running sum"
		case 4:
			x, word = x.MatMul(array.Random(rnd.Uint64()).Normal(0, 1, []int{cols, 100 + rnd.IntN(200)}, chunks())), "product"
		default:
			x, word = x.Sort(rnd.IntN(2)), "sort"
		}
		words = append(words, word)
	}
	return chain{words, func(ctx context.Context, r graph.Runner) (string, error) {
		got, err := array.Collect[float64](ctx, r, x)
		return fmt.Sprint(got), err
	}}
}

// A fickle proxy does with what passes, also on the connections there are, what its mood is.
type fickle struct {
	*proxy
	mood atomic.Pointer[func(b []byte, at int64) bool] // nil: nothing
}

// pass is what it does: see proxy.spoil.
func (p *fickle) pass(b []byte, at int64) bool {
	f := p.mood.Load()
	return f == nil || (*f)(b, at)
}

// A storm is a cluster in which things go wrong. What does is drawn by one goroutine, so that a seed has the same
// story up to where the query ends.
type storm struct {
	*rig
	t      *testing.T
	rnd    *rand.Rand
	o      cluster.SchedulerOptions
	client *proxy
	words  []*proxy  // by worker: before its scheduler
	blocks []*fickle // before its blocks
	story  []string
	short  bool // memory was refused
	given  bool // the query was cancelled
	leaves sync.WaitGroup
}

// stall is how long a fetch may make no progress in a storm.
const stall = time.Second

func newStorm(t *testing.T, rnd *rand.Rand, words []string) *storm {
	s := &storm{t: t, rnd: rnd, story: []string{strings.Join(words, ", ")},
		o: cluster.SchedulerOptions{Journal: t.TempDir(), Beat: 50 * time.Millisecond, Dead: 2 * time.Second, Lease: 5 * time.Second, Recover: 3 * time.Second}}
	t.Cleanup(s.leaves.Wait)
	s.rig = listen(t, s.o)
	for range 2 + rnd.IntN(2) {
		s.more()
	}
	s.client = newProxy(t)
	s.client.aim(s.addr, nil)
	s.c = (&rig{addr: s.client.addr()}).dial(t, cluster.Options{Stall: stall})
	if rnd.IntN(2) == 0 {
		s.c.Tune(wide)
	}
	return s
}

// more has one more worker come.
func (s *storm) more() {
	words, blocks := newProxy(s.t), &fickle{proxy: newProxy(s.t)}
	words.aim(s.addr, nil)
	pool := int64(256 << 20)
	if s.rnd.IntN(3) == 0 {
		pool = 96 << 20
	}
	w := (&rig{addr: words.addr()}).join(s.t, cluster.WorkerOptions{Threads: 1 + s.rnd.IntN(2), Advertise: blocks.addr(), Stall: stall, Pool: pool})
	blocks.aim(w.Addr(), blocks.pass)
	s.workers, s.words, s.blocks = append(s.workers, w), append(s.words, words), append(s.blocks, blocks)
}

// strike has one thing go wrong, and words it.
func (s *storm) strike() string {
	i := len(s.workers) - 1 - s.rnd.IntN(min(3, len(s.workers)))
	switch s.rnd.IntN(10) {
	case 0:
		_ = s.workers[i].Close()
		_ = s.blocks[i].lis.Close() // who asks is refused
		s.blocks[i].cut()
		s.more()
		return fmt.Sprint("worker ", i, " dies, another comes")
	case 1:
		s.words[i].cut()
		return fmt.Sprint("worker ", i, " is cut off")
	case 2:
		s.client.cut()
		return "the client is cut off"
	case 3:
		s.blocks[i].cut()
		return fmt.Sprint("connections to worker ", i, " are cut")
	case 4:
		s.restart()
		return "the scheduler is started again"
	case 5, 6:
		return s.refuse()
	case 7:
		mem.Refuse(nil) // else what it has is not copied
		w := s.workers[i]
		s.leaves.Go(func() { _ = w.Retire() }) // it may die meanwhile
		s.more()
		return fmt.Sprint("worker ", i, " retires, another comes")
	default:
		return s.spoil(s.blocks[i]) + fmt.Sprint(" of worker ", i)
	}
}

// restart ends the scheduler and starts the next one with its log.
func (s *storm) restart() {
	addr := s.addr
	_ = s.s.Close()
	until(s.t, "there is another scheduler", func() bool {
		next, err := cluster.Listen(addr, s.o)
		if err == nil {
			s.s = next
			s.t.Cleanup(func() { _ = next.Close() })
		}
		return err == nil
	})
}

// refuse has requests for memory refused now and then, in all processes of the cluster.
func (s *storm) refuse() string {
	one, rnd := 2<<s.rnd.IntN(6), rand.New(rand.NewPCG(s.rnd.Uint64(), 99))
	var mu sync.Mutex
	mem.Refuse(func() bool {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(one) == 0
	})
	s.short = true
	return fmt.Sprint("one of ", one, " requests for memory is refused")
}

// spoil has something happen to the blocks of a worker, up to three times.
func (s *storm) spoil(p *fickle) string {
	at, every, kind := int64(s.rnd.IntN(1<<s.rnd.IntN(18))), int64(1+s.rnd.IntN(1<<16)), s.rnd.IntN(4)
	var left atomic.Int64
	left.Store(int64(1 + s.rnd.IntN(3)))
	mood := func(b []byte, from int64) bool {
		to := from + int64(len(b))
		if to <= at || (from-at)/every == (to-at)/every || left.Add(-1) < 0 {
			return true
		}
		switch kind {
		case 0:
			return false
		case 1:
			b[len(b)/2] ^= 1 << (from % 8)
		case 2:
			time.Sleep(stall / 20)
		default:
			time.Sleep(stall * 6 / 5)
		}
		return true
	}
	p.mood.Store(&mood)
	return []string{"connections are cut in blocks", "bits of blocks flip", "blocks are slow", "blocks stall"}[kind]
}

// rage has things go wrong until the query is over or is cancelled.
func (s *storm) rage(over func() bool, giveUp func()) {
	for range s.rnd.IntN(6) {
		time.Sleep(time.Duration(s.rnd.IntN(1<<s.rnd.IntN(15))) * time.Microsecond)
		switch {
		case over():
			return
		case s.rnd.IntN(16) == 0:
			s.given = true
			giveUp()
			s.story = append(s.story, "it is cancelled")
			return
		}
		s.story = append(s.story, s.strike())
	}
}

// calm has nothing more go wrong, and waits until nothing is left of the query.
func (s *storm) calm() {
	mem.Refuse(nil)
	for _, p := range s.blocks {
		p.mood.Store(nil)
	}
	busy := func(w cluster.WorkerState) bool { return w.Busy > 0 }
	for end := time.Now().Add(20 * time.Second); !s.idle() || slices.ContainsFunc(s.s.State().Workers, busy); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s\nsomething is left: %s", s.tale(), s.sight())
		}
	}
}

// tale is what happened.
func (s *storm) tale() string { return strings.Join(s.story, "\n") }

// sight is how things stand.
func (s *storm) sight() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v\n", s.s.State())
	for i, w := range s.workers {
		fmt.Fprintf(&b, "worker %d has %d bytes\n", i, w.Node().Pool().Used())
	}
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.String()
}

// An ending is what became of a query.
type ending struct {
	got string
	err error
}

// ask begins a query.
func (s *storm) ask(ctx context.Context, q chain) <-chan ending {
	out := make(chan ending, 1)
	go func() {
		got, err := q.run(ctx, s.c)
		out <- ending{got, err}
	}()
	return out
}

// hear waits for the answer, which comes: nothing in a storm takes longer than a few times stall, or Recover.
func (s *storm) hear(out <-chan ending) ending {
	select {
	case a := <-out:
		return a
	case <-time.After(30 * time.Second):
		s.t.Fatalf("%s\nthere is no answer: %s", s.tale(), s.sight())
		return ending{}
	}
}

// judge reports whether the query was answered; an error must be that of what happened.
func (s *storm) judge(a ending, want string) bool {
	switch {
	case a.err == nil && a.got == want:
		return true
	case a.err == nil:
		s.t.Errorf("%s\nanother answer of %d bytes, want %d", s.tale(), len(a.got), len(want))
	case s.given && errors.Is(a.err, context.Canceled):
	case s.short && strings.Contains(a.err.Error(), mem.ErrBudget.Error()):
	default:
		s.t.Errorf("%s\n%v", s.tale(), a.err)
	}
	return false
}

// TestStorms runs random chains of verbs on small clusters in which things go wrong at random points. The answer is that
// of one process, or, where memory was refused or the query was cancelled, the error says so; it comes, and nothing is
// left of the query; then the cluster answers it. With -storms 1000 there are more; -run TestStorms/7 is one alone.
func TestStorms(t *testing.T) {
	if testing.Short() {
		t.Skip("clusters in trouble")
	}
	sales, products := tables(t, 8, 2000)
	ran, answers, struck := 0, 0, 0
	for seed := range *storms {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Cleanup(func() { mem.Refuse(nil) })
			rnd := rand.New(rand.NewPCG(uint64(seed), 23))
			q := chainOf(rnd, sales, products)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			want, err := q.run(ctx, here)
			if err != nil {
				t.Fatal(q.words, err)
			}
			s := newStorm(t, rnd, q.words)
			out := s.ask(ctx, q)
			s.rage(func() bool { return len(out) > 0 }, cancel)
			ran, struck = ran+1, struck+len(s.story)-1
			if s.judge(s.hear(out), want) {
				answers++
			}
			s.calm()
			s.short, s.given = false, false
			s.story = append(s.story, "it is asked again")
			s.judge(s.hear(s.ask(context.Background(), q)), want)
		})
	}
	t.Logf("%d of %d queries were answered, %d times something went wrong", answers, ran, struck)
	if answers < ran/2 || struck < ran/2 {
		t.Errorf("%d of %d queries were answered, %d times something went wrong: want half as many at least", answers, ran, struck)
	}
}
