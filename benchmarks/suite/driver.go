package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

// A campaign is a set of cases run by a set of engines.
type campaign struct {
	Cases    []bench
	Engines  []engine
	Rows     int
	BigRows  int
	Orders   int
	Sweeps   []sweep
	Threads  int
	Runs     int // cold processes of each engine and case
	Reps     int // repetitions in each
	Data     string
	Scale    int
	Patience time.Duration
	lab      lab
	log      io.Writer
	keep     io.Writer // takes every result as a line of JSON; may be nil
}

func (c *campaign) say(format string, a ...any) { fmt.Fprintf(c.log, format+"\n", a...) }

// rows is how many rows the tables of a case have.
func (c *campaign) rows(b *bench) int {
	switch {
	case b.big:
		return c.BigRows
	case b.orders:
		return c.Orders
	}
	return c.Rows
}

// prepare makes the files that the cases read. Parquet files are those that a peer
// writes; without one, weft's own.
func (c *campaign) prepare(ctx context.Context) error {
	s := &store{dir: c.Data, say: c.say}
	peers := slices.ContainsFunc(c.Engines, func(e engine) bool { return e.peer != "" })
	files := map[int][]string{} // tables by rows: those of one family are made together
	for i := range c.Cases {
		b := &c.Cases[i]
		if b.from == textFile || b.from == columnFile || peers && b.tabular() {
			files[c.rows(b)] = append(files[c.rows(b)], b.tables...)
		}
	}
	for rows, tables := range files {
		if err := s.need(tables, rows); err != nil {
			return err
		}
	}
	for i := range c.Cases {
		b := &c.Cases[i]
		for _, t := range b.tables {
			if peers && (b.from == inMemory || b.from == columnFile) {
				if err := c.lab.prepare(ctx, c.Data, fileName(t, c.rows(b))); err != nil {
					return err
				}
			}
		}
		if err := c.files(ctx, b, c.rows(b)); err != nil {
			return err
		}
	}
	return nil
}

// files makes the files that weft reads in a case, with so many rows, if they are not
// there.
func (c *campaign) files(ctx context.Context, b *bench, rows int) error {
	if b.from != textFile && b.from != columnFile {
		return nil
	}
	s := &store{dir: c.Data, say: c.say}
	if err := s.need(b.tables, rows); err != nil {
		return err
	}
	for _, t := range b.tables {
		if b.from == columnFile && s.columns(t, rows) == "" {
			if err := s.writeColumns(ctx, t, rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// columns is the Parquet file of a table: the peer's if it is there, else weft's;
// empty when there is none.
func (s *store) columns(table string, rows int) string {
	for _, end := range []string{".parquet", ".weft.parquet"} {
		if p := s.path(table, rows) + end; exists(p) {
			return p
		}
	}
	return ""
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// writeColumns makes weft's own Parquet file of a table.
func (s *store) writeColumns(ctx context.Context, table string, rows int) (err error) {
	r := local.New(local.Options{})
	defer func() { err = errors.Join(err, r.Close()) }()
	path := s.path(table, rows)
	_, err = frame.ReadCSVWith(textOptions(shape(table)), path).WriteParquetWith(ctx, r, path+".weft.parquet", frame.ParquetOptions{Codec: "snappy"})
	return err
}

// run runs everything: the engines take turns at each case, and begin in another
// order in every round.
func (c *campaign) run(ctx context.Context) ([]*result, error) {
	var all []*result
	for round := range c.Runs {
		for i := range c.Cases {
			b := &c.Cases[i]
			able := slices.DeleteFunc(slices.Clone(c.Engines), func(e engine) bool { return !e.can(b) })
			for k := range able {
				e := able[(k+round)%len(able)]
				c.say("round %d of %d: %s, %s (load %s)", round+1, c.Runs, b.name, e.name, load())
				busy, _ := strconv.ParseFloat(load(), 64)
				res, err := c.lab.run(ctx, e, c.order(b))
				res.Load = busy
				if err != nil && ctx.Err() != nil {
					return all, ctx.Err()
				}
				if res.Error != "" {
					c.say("  %s", res.Error)
				}
				all = append(all, res)
				if err := c.save(res); err != nil {
					return all, err
				}
			}
		}
	}
	return all, nil
}

func (c *campaign) order(b *bench) order {
	reps := c.Reps
	switch {
	case b.big:
		reps = 1
	case b.from == hardware: // the most of some tries counts
		reps = max(reps, 5)
	}
	return order{Case: b.name, Rows: c.rows(b), Threads: c.Threads, Memory: b.memory, Reps: reps, Data: c.Data, Scale: c.Scale, Patience: c.Patience}
}

func (c *campaign) save(r *result) error {
	if c.keep == nil {
		return nil
	}
	return json.NewEncoder(c.keep).Encode(r)
}

// load is the machine's mean number of running threads in the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// newLab finds this program and the Python of the peers.
func newLab(python string, timeOut time.Duration, args []string) (lab, error) {
	path, err := os.Executable()
	if err != nil {
		return lab{}, err
	}
	self := append([]string{path}, args...)
	folder, err := peersFolder()
	if err != nil {
		return lab{self: self, timeOut: timeOut}, nil
	}
	return lab{self: self, python: findPython(python, folder), runner: filepath.Join(folder, "runner.py"), timeOut: timeOut}, nil
}

// peersFolder finds benchmarks/peers from the working directory upwards.
func peersFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		p := filepath.Join(dir, "benchmarks", "peers")
		if _, err := os.Stat(filepath.Join(p, "runner.py")); err == nil {
			return p, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("benchmarks/peers is not above the working directory")
		}
		dir = up
	}
}
