// Command outofcore groups a file by a key with 300,000 values, first with
// plenty of memory and then with so little that it must spill. The answers are
// equal to the last bit, floats included.
//
//	go run ./examples/outofcore
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

func main() {
	if err := run(context.Background(), os.Stdout, 900_000); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, rows int) error {
	dir, err := os.MkdirTemp("", "outofcore-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "clicks.csv")
	if err := makeClicks(path, rows); err != nil {
		return err
	}
	clicks := frame.ReadCSV(path)
	perUser := clicks.GroupBy("user").Agg(
		frame.Count().As("clicks"),
		frame.Sum("seconds"),
		frame.Std("seconds").As("deviation"),
		frame.Last("page").As("last_page"))
	longest := perUser.TopK(3, frame.Desc("seconds"), frame.Asc("user"))

	for _, o := range []local.Options{
		{Memory: 4 << 30, SpillDir: dir},
		{Memory: 96 << 20, SpillDir: dir, Threads: 2},
	} {
		engine := local.New(o)
		table, err := longest.Collect(ctx, engine)
		spilled := engine.Node().Spilled()
		if err := errors.Join(err, engine.Close()); err != nil {
			return err
		}
		fmt.Fprintf(out, "budget %d MiB, spilled: %v\n%s\n", o.Memory>>20, spilled > 0, table)
	}
	return nil
}

// makeClicks writes a CSV file with about a third as many users as rows.
func makeClicks(path string, rows int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "user,page,seconds")
	x := uint64(1)
	for range rows {
		x = x*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(w, "visitor-%d,/page/%d,%.3f\n", x>>33%uint64(rows/3), x>>50%100, float64(x>>40%100_000)/1000)
	}
	return errors.Join(w.Flush(), f.Close())
}
