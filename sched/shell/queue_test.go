package shell

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weft-data/weft/sched"
)

// owner is a job whose tasks are ordered by layer, higher ones first, then by block.
type owner int

func (owner) Key(layer sched.LayerID, block int32) uint64 { return uint64(9-layer)<<32 | uint64(block) }

// TestQueueGivesEachTaskOnce plays a queue against lists of single tasks.
func TestQueueGivesEachTaskOnce(t *testing.T) {
	type one struct {
		j     owner
		layer sched.LayerID
		block int32
	}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var q Queue[owner]
		var real, direct []one
		next := int32(0)
		for step := range 200 {
			switch k := rnd.IntN(10); {
			case k < 4:
				it := Item[owner]{Job: owner(rnd.IntN(2)), Layer: sched.LayerID(rnd.IntN(4)), First: next, N: 1 + rnd.Int32N(5), Attempt: 7}
				next += it.N
				list, add := &real, q.AddReal
				if k < 2 {
					list, add = &direct, q.AddDirect
				}
				add(it)
				for b := it.First; b < it.First+it.N; b++ {
					*list = append(*list, one{it.Job, it.Layer, b})
				}
				slices.SortStableFunc(real, func(a, b one) int { return cmp.Compare(a.j.Key(a.layer, a.block), b.j.Key(b.layer, b.block)) })
			case k < 6:
				it, ok := q.Real()
				if ok != (len(real) > 0) || ok && (it.N != 1 || one{it.Job, it.Layer, it.First} != real[0]) {
					t.Fatalf("seed %d step %d: %+v, want the first of %v", seed, step, it, real)
				}
				real = real[min(1, len(real)):]
			case k < 8:
				n := 1 + rnd.Int32N(6)
				var got []one
				for _, it := range q.Pop(nil, n) {
					for b := it.First; b < it.First+it.N; b++ {
						got = append(got, one{it.Job, it.Layer, b})
					}
				}
				want := direct[:min(int(n), len(direct))]
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("seed %d step %d: %v, want %v", seed, step, got, want)
				}
				direct = direct[len(want):]
			case k == 8:
				x := one{owner(rnd.IntN(2)), sched.LayerID(rnd.IntN(4)), rnd.Int32N(next + 1)}
				n := len(real) + len(direct)
				real, direct = without(real, x), without(direct, x)
				if q.Take(x.j, x.layer, x.block, 6) {
					t.Fatalf("seed %d step %d: a task of another attempt was taken", seed, step)
				}
				if got := q.Take(x.j, x.layer, x.block, 7); got != (len(real)+len(direct) < n) {
					t.Fatalf("seed %d step %d: taking %v: %v", seed, step, x, got)
				}
			case step%20 == 0:
				n := 0
				for _, it := range q.Drop(func(j owner) bool { return j == 1 }) {
					n += int(it.N)
				}
				before := len(real) + len(direct)
				real = slices.DeleteFunc(real, func(x one) bool { return x.j == 1 })
				direct = slices.DeleteFunc(direct, func(x one) bool { return x.j == 1 })
				if n != before-len(real)-len(direct) {
					t.Fatalf("seed %d step %d: %d tasks were dropped, want %d", seed, step, n, before-len(real)-len(direct))
				}
			}
			if _, ok := q.Direct(); ok != (len(direct) > 0) {
				t.Fatalf("seed %d step %d: direct tasks: %v, want %d", seed, step, ok, len(direct))
			}
		}
	}
}

func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(y T) bool { return y == x })
}

func TestPace(t *testing.T) {
	p := NewPace()
	for range 20 {
		p.Took(time.Microsecond)
	}
	if p.Grab() != MaxGrab || p.Kept(p.begun.Add(time.Millisecond)) || !p.Kept(p.begun.Add(time.Second)) {
		t.Errorf("%+v", p)
	}
	if p.Took(time.Second); p.Grab() != 1 {
		t.Errorf("after a long task %d are taken", p.Grab())
	}
}
