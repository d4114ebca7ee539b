// Command records takes Arrow records a program has in memory, joins them with a
// file, writes the result as Parquet, and reads it back record by record.
//
//	go run ./examples/records
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "records-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	engine := local.New(local.Options{SpillDir: dir})
	defer func() { err = errors.Join(err, engine.Close()) }()

	prices := filepath.Join(dir, "prices.csv")
	if err := os.WriteFile(prices, []byte("item,price\ntea,3.5\ncake,4.25\nmilk,1.2\n"), 0o600); err != nil {
		return err
	}
	paid := frame.FromRecords(orders()).
		Join(frame.ReadCSV(prices), frame.Left, "item").
		WithColumns(frame.Col("n").Mul(frame.Col("price")).As("paid")).
		Sort("order")
	if err := paid.Err(); err != nil { // a misspelt column is known here, before anything runs
		return err
	}
	path := filepath.Join(dir, "paid.parquet")
	rows, err := paid.WriteParquet(ctx, engine, path)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d rows written\n", rows)

	for rec, err := range frame.ReadParquet(path).Select("item", "paid").Iterate(ctx, engine) {
		if err != nil {
			return err
		}
		items, paid := rec.Column(0).(*array.String), rec.Column(1).(*array.Float64)
		for i := range int(rec.NumRows()) {
			if paid.IsNull(i) {
				fmt.Fprintf(out, "%s has no price\n", items.Value(i))
				continue
			}
			fmt.Fprintf(out, "%s %.2f\n", items.Value(i), paid.Value(i))
		}
	}
	return nil
}

// orders makes a record.
func orders() arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "order", Type: arrow.PrimitiveTypes.Int64},
		{Name: "item", Type: arrow.BinaryTypes.String},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32},
	}, nil))
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues([]int64{4, 2, 3, 1}, nil)
	b.Field(1).(*array.StringBuilder).AppendValues([]string{"salt", "cake", "tea", "tea"}, nil)
	b.Field(2).(*array.Int32Builder).AppendValues([]int32{1, 2, 1, 3}, nil)
	return b.NewRecord()
}
