package cluster_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/frame"
)

// TestFoundApart: the values of large groups, whose plans are of their own, are found by all workers.
func TestFoundApart(t *testing.T) {
	const rows = 400_000
	c, i64 := frame.Col, dtype.Of(dtype.Int64)
	file := filepath.Join(t.TempDir(), "pairs.parquet")
	made := frame.FromArray(array.Random(3).Uniform(0, 1, []int{rows, 2}, array.Chunks(rows/4, 2)), "a", "b").
		Select(c("a").Mul(3).Floor().Cast(i64).As("g"), c("b").Mul(90_000).Floor().Cast(i64).As("x"), c("b").Mul(50_000).Floor().Cast(dtype.Of(dtype.Utf8)).As("s"))
	if _, err := made.WriteParquet(context.Background(), here, file); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
	read := frame.ReadParquet(file)
	aggs := []frame.Aggregate{frame.CountDistinct("x").As("xs"), frame.Mode("s").As("most"), frame.CountDistinct("s").As("ss"), frame.Mean("x").As("mean")}
	same(t, "all rows", read.GroupBy().Agg(aggs...), r.c)
	same(t, "by a key", read.GroupBy("g").Agg(aggs...), r.c)
	same(t, "of two tables", read.Concat(read).GroupBy().Agg(aggs...), r.c)
}
