package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
)

// records reads a dataset.
func records(t *testing.T, ctx context.Context, c *cluster.Client, name string, like *frame.Table) *frame.Table {
	t.Helper()
	d, err := c.Dataset(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, ctx, d, like)
}

// read reads a dataset that was found.
func read(t *testing.T, ctx context.Context, d *cluster.Dataset, like *frame.Table) *frame.Table {
	t.Helper()
	got := &frame.Table{Schema: like.Schema}
	for rec, err := range d.Records(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got.Records = append(got.Records, rec)
	}
	if d.Rows != like.NumRows() {
		t.Errorf("%d rows, want %d", d.Rows, like.NumRows())
	}
	return got
}

// TestDatasets: what was persisted stays when its client goes, is made again when a
// worker dies, is there after a restart of the scheduler, and goes when it is released.
func TestDatasets(t *testing.T) {
	t.Parallel()
	sales, products := tables(t, 6, 2000)
	q := queries(sales, products)["group"]
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	want, err := q.Collect(ctx, here)
	if err != nil {
		t.Fatal(err)
	}
	l := newLonely(t)
	r := l.with(3)
	first := r.dial(t, cluster.Options{})
	if _, err := first.Dataset(ctx, "sums"); err == nil || !strings.Contains(err.Error(), `no dataset called "sums"`) {
		t.Error(err)
	}
	rep, err := first.Persist(ctx, "sums", q)
	if err != nil || len(rep.Layers) == 0 || rep.Layers[len(rep.Layers)-1].Rows != want.NumRows() {
		t.Fatalf("%+v, %v", rep.Layers, err)
	}
	if _, err := first.Persist(ctx, "sums", sales); err == nil || !strings.Contains(err.Error(), `a dataset called "sums"`) {
		t.Error(err)
	}
	if _, err := first.Persist(ctx, "", sales); err == nil {
		t.Error("a dataset without a name")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	compare(t, "group", records(t, ctx, r.c, "sums", want), want)

	before, err := r.c.Dataset(ctx, "sums")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.workers[0].Close()
	compare(t, "group", read(t, ctx, before, want), want) // its blocks have moved
	whole := func() bool {
		d, err := r.c.Dataset(ctx, "sums")
		return err == nil && d.Rows == want.NumRows()
	}
	until(t, "what the worker had is made again", whole)
	compare(t, "group", records(t, ctx, r.c, "sums", want), want)

	l.kill()
	l.start()
	until(t, "the dataset is there again", whole)
	compare(t, "group", records(t, ctx, r.c, "sums", want), want)

	if err := r.c.Release(ctx, "sums"); err != nil {
		t.Error(err)
	}
	if _, err := r.c.Dataset(ctx, "sums"); err == nil {
		t.Error("a dataset that was released is there")
	}
	until(t, "the memory of a dataset that was released is free", func() bool {
		return r.workers[1].Node().Pool().Used()+r.workers[2].Node().Pool().Used() == 0
	})
}

const readByPyarrow = `
import json, sys, pyarrow.flight as fl
c = fl.connect("grpc://" + sys.argv[1])
info = c.get_flight_info(fl.FlightDescriptor.for_path(sys.argv[2]))
names = [f.descriptor.path[0].decode() for f in c.list_flights()]
rows, columns = [], info.schema.names
for e in info.endpoints:
    table = fl.connect(e.locations[0]).do_get(e.ticket).read_all()
    table.validate(full=True)
    assert table.schema.equals(info.schema), (table.schema, info.schema)
    rows += [[r[c] for c in columns] for r in table.to_pylist()]
forged = fl.Ticket(e.ticket.ticket[:-1] + bytes([e.ticket.ticket[-1] ^ 1]))
try:
    fl.connect(e.locations[0]).do_get(forged).read_all()
    refused = ""
except fl.FlightUnauthorizedError as x:
    refused = str(x)
json.dump({"names": names, "columns": columns, "rows": rows, "total": info.total_records, "refused": refused}, sys.stdout)
`

// TestPyarrowReadsDatasets has another program read a dataset by Flight. It is skipped
// where no python has pyarrow.
func TestPyarrowReadsDatasets(t *testing.T) {
	const python = "python3"
	if err := exec.Command(python, "-c", "import pyarrow.flight").Run(); err != nil {
		t.Skip("no python3 with pyarrow:", err)
	}
	sales, products := tables(t, 4, 300)
	r := newRig(t, 2, cluster.WorkerOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for name, q := range map[string]*frame.Frame{
		"filter": sales.Filter(frame.Col("qty").Gt(7)), "group": queries(sales, products)["group"], "none": sales.Filter(frame.Col("qty").Gt(1000)),
	} {
		want, err := q.Collect(ctx, here)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.c.Persist(ctx, name, q); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(ctx, python, "-c", readByPyarrow, r.addr, name).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		var got struct {
			Names, Columns []string
			Rows           [][]any
			Total          int64
			Refused        string
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if len(got.Names) != 1 || got.Names[0] != name || got.Total != want.NumRows() || !strings.Contains(got.Refused, "not signed") {
			t.Errorf("%+v", got)
		}
		if int64(len(got.Rows)) != want.NumRows() || fmt.Sprint(got.Columns) != fmt.Sprint(want.Schema.Names()) {
			t.Fatalf("%s: %d rows of %v, want %d of %v", name, len(got.Rows), got.Columns, want.NumRows(), want.Schema.Names())
		}
		nulls := map[bool]int{}
		sum, sumWant := 0.0, 0.0
		at := want.Schema.Index("qty")
		if name == "group" {
			at = want.Schema.Index("n")
		}
		for i, row := range got.Rows {
			nulls[row[0] == nil]++
			sum += row[at].(float64)
			sumWant += float64(want.Value(i, at).(int64))
		}
		if sum != sumWant {
			t.Errorf("%s: sum %v, want %v", name, sum, sumWant)
		}
		if err := r.c.Release(ctx, name); err != nil {
			t.Error(err)
		}
	}
}
