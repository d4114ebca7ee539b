package future_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
)

var (
	plus  = op.Func("future_test/plus", func(_ context.Context, p future.With[[]int, int]) (int, error) { return p.Shared[0] + p.Arg, nil })
	sumOf = op.Func("future_test/sumOf", func(_ context.Context, p future.With[future.Records, int]) (sum int, err error) {
		for rec, err := range p.Shared.All() {
			if err != nil {
				return 0, err
			}
			for _, n := range rec.Column(p.Arg).(*array.Int64).Int64Values() {
				sum += int(n)
			}
		}
		return sum, nil
	})
)

// TestScatterHere: the same program runs in one process, where nothing is sent.
func TestScatterHere(t *testing.T) {
	c, ctx := client(t, 2)
	shared, err := future.Scatter(ctx, c, []int{10}, []int{20})
	if err != nil || len(shared) != 2 || !shared[1].Done() {
		t.Fatal(shared, err)
	}
	one, err := future.Broadcast(ctx, c, []int{30})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range append(shared, one) {
		got, err := future.Gather(ctx, future.MapShared(c, plus, f, []int{1, 2, 3}))
		if err != nil || len(got) != 3 || got[2] != 10*i+13 {
			t.Error(got, err)
		}
		f.Cancel() // it has ended
		f.Release()
		if v, err := f.Get(ctx); err != nil || v[0] != 10*i+10 {
			t.Error("after its release:", v, err)
		}
	}
	made := future.Submit(c, op.Closure(func(_ context.Context, n int) ([]int, error) { return []int{n}, nil }), future.Value(5))
	if got, err := future.Gather(ctx, future.MapShared(c, plus, made, []int{1, 2})); err != nil || got[1] != 7 {
		t.Error("the result of a call is shared:", got, err)
	}
	made.Release() // was not scattered
	fails := future.Submit(c, op.Closure(func(context.Context, int) ([]int, error) { return nil, errors.New("no list") }), future.Value(5))
	if _, err := future.MapShared(c, plus, fails, []int{1})[0].Get(ctx); err == nil || !strings.Contains(err.Error(), "needs a call that failed: no list") {
		t.Error(err)
	}
	c.Close()
	if _, err := future.Scatter(ctx, c, 1); !errors.Is(err, future.ErrClosed) {
		t.Error("a client that was closed:", err)
	}
}

// table makes a record of two columns of n numbers.
func table(n int) arrow.Record {
	s := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}, {Name: "b", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.Int64Builder).Append(2 * int64(i))
	}
	return b.NewRecord()
}

// TestRecords: records are a value like others.
func TestRecords(t *testing.T) {
	c, ctx := client(t, 2)
	v, err := future.NewRecords(table(100), table(0), table(10).NewSlice(5, 10))
	if err != nil {
		t.Fatal(err)
	}
	shared, err := future.Scatter(ctx, c, v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := future.Gather(ctx, future.MapShared(c, sumOf, shared[0], []int{0, 1}))
	if want := 99*50 + 5 + 6 + 7 + 8 + 9; err != nil || got[0] != want || got[1] != 2*want {
		t.Error(got, err)
	}
	if _, err := future.NewRecords(); err == nil {
		t.Error("no records")
	}
	other := array.NewRecord(arrow.NewSchema(nil, nil), nil, 3)
	if _, err := future.NewRecords(table(1), other); err == nil {
		t.Error("records of two schemas")
	}
	v.Stream = v.Stream[:len(v.Stream)/2]
	if _, err := future.Submit(c, sumOf, future.Value(future.With[future.Records, int]{Shared: v})).Get(ctx); err == nil || !strings.Contains(err.Error(), "records") {
		t.Error("half a stream:", err)
	}
}
