package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/weft-data/weft/benchmarks/tpch"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
)

// An order is what one cold process is to do. Peers get the same as flags.
type order struct {
	Case     string
	Rows     int // of the case's tables
	Threads  int
	Memory   int64 // 0: none
	Reps     int
	Data     string        // folder of the data files
	Scale    int           // divides the number of tasks
	Workers  int           // of a cluster case; 0: the case's
	Alone    bool          // a cluster case without the cluster
	Block    int           // elements of a chunk; 0: as usual
	Enough   time.Duration // what takes longer is not repeated; 0: all repetitions
	Patience time.Duration // how long to go on repeating while other work disturbs
	Profile  string        // file for a CPU profile of the repetitions; empty: none
}

// A result is what one process measured, on one line of JSON.
type result struct {
	Engine  string  `json:"engine"`
	Version string  `json:"version"`
	Weft    string  `json:"weft,omitempty"` // the version of weft that measured, also of peers, set by the driver
	Day     string  `json:"day,omitempty"`  // of the measurement, likewise
	Case    string  `json:"case"`
	Rows    int     `json:"rows"`
	Threads int     `json:"threads"`
	Memory  int64   `json:"memory"`
	Reps    []use   `json:"reps"`
	Copies  []use   `json:"copies,omitempty"` // of the case's file, one before each repetition
	Load    float64 `json:"load,omitempty"`   // of the machine when the process began, set by the driver
	Base    int64   `json:"base"`             // resident bytes before the first repetition, tables in memory included
	Peak    int64   `json:"peak"`             // VmHWM of the repetitions
	Tasks   int     `json:"tasks,omitempty"`  // run by a repetition
	Alloc   float64 `json:"alloc,omitempty"`  // bytes allocated per task
	Middle  float64 `json:"middle,omitempty"` // seconds of a call, the middle of all, where that is asked
	Curve   string  `json:"curve,omitempty"`  // what was varied, if anything
	At      int     `json:"at,omitempty"`     // to what
	Rate    float64 `json:"rate,omitempty"`   // of a limit of the machine, 10⁹ a second
	Answer  *answer `json:"answer,omitempty"` // of a case with tables
	Error   string  `json:"error,omitempty"`
}

// runOrder runs one case in this process.
func runOrder(ctx context.Context, o order) (res *result, err error) {
	found, err := find([]string{o.Case})
	if err != nil {
		return nil, err
	}
	b := &found[0]
	res = &result{Engine: "weft", Version: runtime.Version(), Case: b.name, Rows: o.Rows, Threads: o.Threads, Memory: o.Memory}
	in, err := b.inputs(o)
	if err != nil {
		return nil, err
	}
	if l := limitOf(b.name); l != nil {
		res.Rate, res.Reps, err = l.rate(o.Threads, max(1, o.Reps), o.Data)
		return res, err
	}
	r, all, err := b.runner(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	stop, err := profile(o.Profile)
	if err != nil {
		return nil, err
	}
	w := &work{ctx: ctx, b: b, o: o, in: in, runner: r, all: all, res: res}
	if b.array != nil {
		w.ask = b.array(newExtent(o))
	}
	if b.file != nil {
		w.source = filepath.Join(o.Data, fmt.Sprintf("weft-%d.out.raw", os.Getpid()))
		defer func() { err = errors.Join(err, os.RemoveAll(w.source)) }()
		if err = os.MkdirAll(o.Data, 0o755); err == nil {
			w.ask, err = b.file(ctx, r, w.source, o.Rows)
		}
		if err != nil {
			return nil, err
		}
	}
	err = w.repeat()
	stop()
	if err == nil {
		err = w.finish()
	}
	return res, err
}

// profile starts a CPU profile.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, pprof.StartCPUProfile(f)
}

// inputs returns what makes the frames of a case. Reading from files begins when
// they are made, so they are made for every repetition.
func (b *bench) inputs(o order) (func() tables, error) {
	s := &store{dir: o.Data}
	switch b.from {
	case inMemory:
		t, err := b.load(o.Rows)
		return func() tables { return t }, err
	case textFile:
		return func() tables {
			t := tables{}
			for _, name := range b.tables {
				t[name] = frame.ReadCSVWith(textOptions(shape(name)), s.path(name, o.Rows))
			}
			return t
		}, nil
	case columnFile:
		return func() tables {
			t := tables{}
			for _, name := range b.tables {
				t[name] = frame.ReadParquet(s.columns(name, o.Rows))
			}
			return t
		}, nil
	}
	return func() tables { return nil }, nil
}

// shape has the columns of a table and how its file is written: those of the smallest.
func shape(name string) (out *table) {
	_ = makers[familyOf(name)](tpch.Smallest, func(t *table) error { // makes no rows, and cannot fail
		if t.name == name {
			out = t
		}
		return nil
	})
	return out
}

// load makes tables in memory.
func (b *bench) load(rows int) (tables, error) {
	out := tables{}
	return out, makers[familyOf(b.tables[0])](rows, func(t *table) error {
		if !slices.Contains(b.tables, t.name) {
			return nil
		}
		recs, err := t.records()
		if err == nil {
			out[t.name] = frame.FromRecords(recs...)
		}
		return err
	})
}

// work is a case being repeated.
type work struct {
	ctx    context.Context
	b      *bench
	o      order
	in     func() tables
	runner graph.Runner
	all    processes
	times  []time.Duration // of single calls
	res    *result
	got    *frame.Table // of the last repetition
	check  *checker     // filled while rows pass
	file   string       // that the last repetition wrote
	source string       // the file that the case is about, if it has one of its own
	ask    func(context.Context, graph.Runner) ([]float64, error)
}

func (w *work) repeat() error {
	debug.FreeOSMemory()
	w.all.resetPeak()
	w.res.Base = w.all.status("VmRSS")
	for start, quiet := time.Now(), 0; w.again(time.Since(start), quiet); {
		if w.source != "" {
			c, err := copied(w.source)
			if err != nil {
				return err
			}
			w.res.Copies = append(w.res.Copies, c)
		}
		w.got, w.check = nil, &checker{}
		runtime.GC() // what the repetition before left behind is not this one's
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		u, err := w.all.measure(w.once)
		if err != nil {
			return err
		}
		runtime.ReadMemStats(&after)
		w.res.Reps = append(w.res.Reps, u)
		if u.quiet() {
			quiet++
		}
		if w.res.Tasks > 0 {
			w.res.Alloc = float64(after.TotalAlloc-before.TotalAlloc) / float64(w.res.Tasks)
		}
	}
	w.res.Peak, w.res.Middle = w.all.status("VmHWM"), middle(w.times)
	return nil
}

// again reports whether there is another repetition, after some time and so many that
// nothing disturbed.
func (w *work) again(took time.Duration, quiet int) bool {
	done, wanted := len(w.res.Reps), max(1, w.o.Reps)
	if done > 0 && w.o.Enough > 0 && took > w.o.Enough {
		return false
	}
	return done < wanted || quiet < wanted && took < w.o.Patience
}

// once is one repetition.
func (w *work) once() (err error) {
	if w.b.tasks != nil {
		t := &tasks{ctx: w.ctx, runner: w.runner, scale: max(1, w.o.Scale)}
		w.res.Tasks, err = w.b.tasks(t)
		w.times = append(w.times, t.times...)
		return err
	}
	if w.ask != nil {
		v, err := w.ask(w.ctx, w.runner)
		if err != nil {
			return err
		}
		return w.check.add(numbers(v))
	}
	f := w.b.plan(w.in())
	switch {
	case w.b.to != "":
		w.file = filepath.Join(w.o.Data, fmt.Sprintf("weft-%d.out.%s", os.Getpid(), w.b.to))
		if w.b.to == "csv" {
			_, err = f.WriteCSV(w.ctx, w.runner, w.file)
		} else {
			_, err = f.WriteParquetWith(w.ctx, w.runner, w.file, frame.ParquetOptions{Codec: "snappy"})
		}
	case w.b.memory > 0: // the answer is not to be counted as memory of the caller
		for r, e := range f.Iterate(w.ctx, w.runner) {
			if e != nil {
				return e
			}
			if err = w.check.add(r); err != nil {
				return err
			}
		}
	default:
		w.got, err = f.Collect(w.ctx, w.runner)
	}
	return err
}

// finish makes the answer of the last repetition.
func (w *work) finish() error {
	if w.b.tasks != nil {
		return nil
	}
	if w.file != "" {
		defer os.Remove(w.file)
		o, read := inOrder{by: w.b.ordered}, frame.ReadParquet
		if w.b.to == "csv" {
			read = frame.ReadCSV
		}
		for r, err := range read(w.file).Iterate(w.ctx, w.runner) {
			if err == nil {
				err = errors.Join(o.add(r), w.check.add(r))
			}
			if err != nil {
				return err
			}
		}
	}
	if w.got != nil {
		o := inOrder{by: w.b.ordered}
		for _, r := range w.got.Records {
			if err := errors.Join(o.add(r), w.check.add(r)); err != nil {
				return err
			}
		}
	}
	w.res.Answer = w.check.answer()
	return nil
}

// An inOrder checks that rows come in the order of some number columns.
type inOrder struct {
	by   []string
	last []float64
	rows int64
}

func (o *inOrder) add(r arrow.Record) error {
	cols := make([]func(int) float64, len(o.by))
	for k, name := range o.by {
		at := r.Schema().FieldIndices(name)
		if len(at) != 1 {
			return fmt.Errorf("the sorted rows have %d columns called %s", len(at), name)
		}
		switch x := r.Column(at[0]).(type) {
		case *array.Float64:
			cols[k] = x.Value
		case *array.Int64:
			cols[k] = func(i int) float64 { return float64(x.Value(i)) }
		case *array.Int32:
			cols[k] = func(i int) float64 { return float64(x.Value(i)) }
		default:
			return fmt.Errorf("sorted by %s of type %s, want numbers", name, x.DataType())
		}
	}
	row := make([]float64, len(cols))
	for i := range int(r.NumRows()) {
		for k := range cols {
			row[k] = cols[k](i)
		}
		if o.last != nil && compareRows(o.last, row) > 0 {
			return fmt.Errorf("row %d is %v and comes after %v: not sorted by %v", o.rows, row, o.last, o.by)
		}
		o.last = append(o.last[:0], row...)
		o.rows++
	}
	return nil
}

func compareRows(a, b []float64) int {
	for k := range a {
		if a[k] != b[k] {
			if a[k] < b[k] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// runChild is the hidden command of a cold process: an order on the standard
// input, a result on the standard output.
func runChild(ctx context.Context, in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("the order: %w", err)
	}
	res, err := runOrder(ctx, o)
	if err != nil {
		res = &result{Engine: "weft", Version: runtime.Version(), Case: o.Case, Rows: o.Rows, Threads: o.Threads, Error: err.Error()}
	}
	return json.NewEncoder(out).Encode(res)
}
