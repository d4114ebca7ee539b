package suite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
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
	Size     scale
	Sweeps   []sweep
	Threads  int
	Runs     int // cold processes of each engine and case
	Reps     int // repetitions in each
	Data     string
	Enough   time.Duration
	Patience time.Duration
	lab      lab
	log      io.Writer
	keep     io.Writer // takes every result as a line of JSON; may be nil
}

func (c *campaign) say(format string, a ...any) { fmt.Fprintf(c.log, format+"\n", a...) }

// rows is how many rows the tables of a case have.
func (c *campaign) rows(b *bench) int { return c.Size.of(b) }

// prepare makes the files that the cases read. Parquet files are those that a peer
// writes; without one, weft's own.
func (c *campaign) prepare(ctx context.Context) error {
	s := &store{dir: c.Data, say: c.say}
	peers := slices.ContainsFunc(c.Engines, func(e engine) bool { return e.peer != "" })
	err := c.eachSize(s.need, func(b *bench) bool { return b.from == textFile || b.from == columnFile || peers && b.tabular() })
	if err == nil && peers {
		var files []string // starting Python takes longer than to see that they are there
		err = c.eachSize(func(tables []string, rows int) error {
			for _, t := range tables {
				files = append(files, fileName(t, rows))
			}
			return nil
		}, func(b *bench) bool { return b.from == inMemory || b.from == columnFile })
		if err == nil && len(files) > 0 {
			err = c.lab.prepare(ctx, c.Data, files)
		}
	}
	for i := range c.Cases {
		if b := &c.Cases[i]; err == nil {
			err = c.files(ctx, b, c.rows(b))
		}
	}
	return err
}

// eachSize calls use for the tables of some cases, those of as many rows together: those of
// one family are made together.
func (c *campaign) eachSize(use func(tables []string, rows int) error, of func(*bench) bool) error {
	tables := map[int][]string{}
	for i := range c.Cases {
		b := &c.Cases[i]
		for _, t := range b.tables {
			if rows := c.rows(b); of(b) && !slices.Contains(tables[rows], t) {
				tables[rows] = append(tables[rows], t)
			}
		}
	}
	for rows, some := range tables {
		if err := use(some, rows); err != nil {
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
				if err := c.warm(ctx, b, c.rows(b)); err != nil {
					return all, err
				}
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

// warm reads the files of a case, so that no engine finds them colder than the others: what
// comes first, or after another case has pushed them out of memory.
func (c *campaign) warm(ctx context.Context, b *bench, rows int) error {
	s := &store{dir: c.Data}
	for _, t := range b.tables {
		path := ""
		switch b.from {
		case textFile:
			path = s.path(t, rows)
		case columnFile:
			path = s.columns(t, rows)
		default:
			return nil
		}
		if err := readWhole(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// readWhole reads a file for nothing but its being read.
func readWhole(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 1<<20); err == nil; {
		if _, err = f.Read(block); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err != io.EOF {
		return err
	}
	return nil
}

func (c *campaign) order(b *bench) order {
	reps := c.Reps
	if b.from == hardware { // the most of some tries counts
		reps = max(reps, 5)
	}
	return order{Case: b.name, Rows: c.rows(b), Threads: c.Threads, Memory: b.memory, Reps: reps, Data: c.Data, Scale: c.Size.tasks, Enough: c.Enough, Patience: c.Patience}
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

// newLab finds this program.
func newLab(timeOut time.Duration, args []string) (lab, error) {
	path, err := os.Executable()
	return lab{self: append([]string{path}, args...), version: cmp.Or(commit, builtFrom(debug.ReadBuildInfo())), timeOut: timeOut}, err
}

// commit is what builtFrom returns, for a program that is linked with it.
var commit string

// builtFrom is the commit that a program was built from, with "+dirty" when files differed
// from it, as go build notes it; go run and go test do not.
func builtFrom(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return ""
	}
	of := map[string]string{}
	for _, s := range info.Settings {
		of[s.Key] = s.Value
	}
	commit := of["vcs.revision"]
	if commit = commit[:min(12, len(commit))]; commit != "" && of["vcs.modified"] == "true" {
		commit += "+dirty"
	}
	return commit
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
