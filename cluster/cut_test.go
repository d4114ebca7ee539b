package cluster_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
)

// A sale of a thing. Of Rare plans are told what is true of one row only.
type sale struct {
	Thing, Rare int64
	Price       float64
	Note        string
}

type thing struct {
	ID   int64
	Name string
}

// wrong is a query of which a join was planned with a table of next to nothing, and the table
// has all the rows of its files.
func wrong(t *testing.T, kind frame.JoinKind) *frame.Frame {
	sales, things := make([]sale, 300_000), make([]thing, 20_000)
	for i := range sales {
		sales[i] = sale{int64(i*7919) % 40_000, 5, float64(i%977) * 1.1, fmt.Sprint("note ", i%1000)}
	}
	sales[0].Rare = 1e9
	for i := range things {
		things[i] = thing{int64(i), fmt.Sprint("name ", i%700)}
	}
	dir := t.TempDir()
	file := func(name string, f *frame.Frame) *frame.Frame {
		path := filepath.Join(dir, name)
		if _, err := f.WriteParquetWith(t.Context(), here, path, frame.ParquetOptions{RowGroupRows: 50_000}); err != nil {
			t.Fatal(err)
		}
		return frame.ReadParquet(path)
	}
	return file("things", frame.FromStructs(things)).
		JoinOn(file("sales", frame.FromStructs(sales)).Filter(frame.Col("Rare").Lt(10)), frame.JoinOn{Kind: kind, Left: []string{"ID"}, Right: []string{"Thing"}}).
		GroupBy("Name").Agg(frame.Sum("Price").As("sum"), frame.Max("Note").As("note"), frame.Count().As("n")).Sort("Name")
}

// TestCutsSameAsLocal: what is cut while it runs has the rows of what is not cut, and is
// reported as it ran.
func TestCutsSameAsLocal(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for _, kind := range effort.Some(1, []frame.JoinKind{frame.Inner, frame.Left}) {
		q := wrong(t, kind)
		want, err := q.Collect(ctx, here, frame.Without("divide"))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 3} {
			r := newRig(t, n, cluster.WorkerOptions{})
			got, err := q.Collect(ctx, r.c)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "all", got, want)
			rep, err := q.Analyze(ctx, r.c)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(rep.After, "join.match(") || strings.Contains(rep.After, "join.probe(") || !strings.Contains(rep.After, "300k") {
				t.Errorf("%d workers: not as it ran\n%s", n, rep.After)
			}
			until(t, "nothing is left", r.idle)
		}
	}
}

// TestLargeTablesAreNotSent: a table is not sent whole to workers whose memory it does not fit,
// however good the estimates were.
func TestLargeTablesAreNotSent(t *testing.T) {
	effort.Long(t, "tables that are too large to be sent to everybody")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	left, right := make([]sale, 400_000), make([]thing, 400_000)
	for i := range right {
		left[i] = sale{Thing: int64(i*7919) % 500_000, Price: float64(i) * 1.1}
		right[i] = thing{int64(i), fmt.Sprint("quite a long name, of which there are many: ", i)}
	}
	q := frame.FromStructs(left).JoinOn(frame.FromStructs(right), frame.JoinOn{Left: []string{"Thing"}, Right: []string{"ID"}}).
		GroupBy("Rare").Agg(frame.Sum("Price").As("sum"), frame.Max("Name").As("name"), frame.Count().As("n"))
	want, err := q.Collect(ctx, here)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := q.Analyze(ctx, here)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(rep.After, "join.match(") {
		t.Errorf("in one process nothing is sent\n%s", rep.After)
	}
	r := newRig(t, 2, cluster.WorkerOptions{Pool: 48 << 20})
	got, err := q.Collect(ctx, r.c)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "all", got, want)
	if rep, err = q.Analyze(ctx, r.c); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(rep.After, "join.match(") {
		t.Errorf("the table was sent to everybody\n%s", rep.After)
	}
}

// TestCutsOutliveTheScheduler kills the scheduler before and after a layer was cut.
func TestCutsOutliveTheScheduler(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	q := wrong(t, frame.Inner)
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	quiet := newLonely(t).with(2)
	if _, err := q.Collect(context.Background(), quiet.c); err != nil {
		t.Fatal(err)
	}
	all := done(t, quiet.c)
	for _, after := range effort.Some(2, []int64{1, all / 2, all - 3, all - 1}) {
		l := newLonely(t)
		r := l.with(2)
		out := collecting(t, r.c, q)
		for n := int64(0); n < after; {
			n = done(t, r.c)
		}
		l.kill()
		time.Sleep(20 * time.Millisecond)
		l.start()
		x := <-out
		if x.err != nil {
			t.Fatalf("killed after %d of %d tasks: %v", after, all, x.err)
		}
		compare(t, "all", x.t, want)
	}
}
