package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	pq "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// task is a task of one thread over a pool.
type task struct {
	*mem.Pool
	ctx    context.Context
	block  int
	counts map[string]int64
}

func newTask(limit int64) *task {
	return &task{Pool: mem.NewPool(limit), ctx: context.Background(), counts: map[string]int64{}}
}

func (t *task) Context() context.Context                     { return t.ctx }
func (t *task) Block() int                                   { return t.block }
func (t *task) Threads() int                                 { return 1 }
func (t *task) Fork(n int, f func(int) error) error          { panic("no thread to fork") }
func (t *task) Shared() mem.Allocator                        { return t.Pool }
func (t *task) Budget() int64                                { return t.Limit() }
func (t *task) Spill(dtype.Schema, int) (*spill.File, error) { panic("nothing to spill") }
func (t *task) Count(name string, n int64)                   { t.counts[name] += n }

// threads is a task of several threads, to which allocations may be refused.
type threads struct {
	*task
	refuse func() bool
}

func (t *threads) Threads() int { return 4 }

func (t *threads) Fork(n int, f func(int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (t *threads) Alloc(n int) []byte {
	if t.refuse != nil && t.refuse() {
		return nil
	}
	return t.task.Alloc(n)
}

// poisoned is a task whose memory is full of a byte.
type poisoned struct {
	*task
	with byte
}

func (p *poisoned) Alloc(n int) []byte {
	b := p.task.Alloc(n)
	all := b[:cap(b)]
	for i := range all {
		all[i] = p.with
	}
	return b
}

// rows takes morsels and keeps their values.
type rows struct {
	t    testing.TB
	got  [][]any
	seq  uint64
	dict int // morsels with a dictionary
	most int // rows of a morsel
}

func (r *rows) Push(m *chunk.Batch) error {
	if len(r.got) > 0 && m.Seq <= r.seq {
		r.t.Errorf("morsel %x after %x", m.Seq, r.seq)
	}
	r.seq, r.most = m.Seq, max(r.most, m.N)
	for i := range m.Cols {
		if v := &m.Cols[i]; v.N != m.N {
			r.t.Fatalf("column %d has %d values of %d", i, v.N, m.N)
		} else if v.Dict != nil {
			r.dict++
		}
	}
	for i := range m.N {
		row := make([]any, len(m.Cols))
		for c := range m.Cols {
			row[c] = value(&m.Cols[c], i)
		}
		r.got = append(r.got, row)
	}
	return nil
}

// value is value i as a comparable Go value.
func value(v *chunk.Vec, i int) any {
	if v.IsNull(i) {
		return nil
	}
	switch v.Type.Kind {
	case dtype.Bool:
		return v.Bool(i)
	case dtype.Int8:
		return int64(chunk.Values[int8](v)[i])
	case dtype.Int16:
		return int64(chunk.Values[int16](v)[i])
	case dtype.Int32, dtype.Date:
		return int64(chunk.Values[int32](v)[i])
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return chunk.Values[int64](v)[i]
	case dtype.Uint8:
		return uint64(chunk.Values[uint8](v)[i])
	case dtype.Uint16:
		return uint64(chunk.Values[uint16](v)[i])
	case dtype.Uint32:
		return uint64(chunk.Values[uint32](v)[i])
	case dtype.Uint64:
		return chunk.Values[uint64](v)[i]
	case dtype.Float32:
		return fmt.Sprint(chunk.Values[float32](v)[i])
	case dtype.Float64:
		return fmt.Sprint(chunk.Values[float64](v)[i])
	case dtype.Decimal128:
		return chunk.Values[[16]byte](v)[i]
	}
	return strings.Clone(v.Text(i))
}

// read reads all blocks of described files.
func read(t testing.TB, p ReadParams, limit int64) (*rows, *task, error) {
	t.Helper()
	tk, out := newTask(limit), &rows{t: t}
	defer tk.Trim()
	src, err := newSource(p)
	if err != nil {
		return out, tk, err
	}
	for b := range max(1, len(p.Blocks)-1) {
		tk.block = b
		if err := readBlock(src, tk, out); err != nil {
			return out, tk, err
		}
		if used := tk.Used(); used != 0 {
			t.Fatalf("%d bytes are still taken after a block", used)
		}
	}
	return out, tk, nil
}

func readBlock(src op.Source, tk *task, out op.Sink) error {
	f, err := src.Open(tk, nil)
	if err != nil {
		return err
	}
	r, err := f.Reader()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	for s := range f.Splits() {
		if err = r.Read(s, out); err != nil {
			break
		}
	}
	return errors.Join(err, r.Close(), f.Close())
}

// readFile describes and reads a file.
func readFile(t testing.TB, path string, o Options) (*rows, dtype.Schema, error) {
	t.Helper()
	p, s, err := Describe(context.Background(), []string{path}, o)
	if err != nil {
		return &rows{t: t}, nil, err
	}
	out, _, err := read(t, p, 512<<20)
	return out, s, err
}

// arrowFile writes records with Arrow's writer.
func arrowFile(t testing.TB, rec arrow.Record, props ...pq.WriterProperty) string {
	t.Helper()
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(rec.Schema(), &buf, pq.NewWriterProperties(props...), pqarrow.DefaultWriterProps())
	if err == nil {
		err = errors.Join(w.Write(rec), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return saved(t, buf.Bytes())
}

func saved(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// valuesOf are the rows of a record.
func valuesOf(t testing.TB, rec arrow.Record) (out [][]any) {
	t.Helper()
	b, err := chunk.FromRecord(rec)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.N {
		row := make([]any, len(b.Cols))
		for c := range b.Cols {
			row[c] = value(&b.Cols[c], i)
		}
		out = append(out, row)
	}
	return out
}

func sameRows(t testing.TB, name string, got, want [][]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", name, len(got), len(want))
	}
	for i := range got {
		for c := range got[i] {
			if got[i][c] != want[i][c] {
				t.Fatalf("%s: row %d, column %d: %v, want %v", name, i, c, got[i][c], want[i][c])
			}
		}
	}
}

// clear reports whether an error says what it should, with the place.
func isClear(err error) bool {
	return errors.Is(err, guard.ErrCorrupt) || errors.Is(err, guard.ErrUnsupported) || errors.Is(err, guard.ErrLimit) || errors.Is(err, mem.ErrBudget)
}

// table makes a record of n rows with every type; nulls: every how many rows, 0 for none; distinct: how many values.
func table(n, nulls, distinct int) arrow.Record {
	types := []arrow.DataType{arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32,
		arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, arrow.FixedWidthTypes.Date32,
		arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, &arrow.TimestampType{Unit: arrow.Nanosecond}, &arrow.Decimal128Type{Precision: 20, Scale: 3},
		&arrow.Decimal128Type{Precision: 5, Scale: 2}}
	var fields []arrow.Field
	var cols []arrow.Array
	for c, typ := range types {
		b := array.NewBuilder(memory.DefaultAllocator, typ)
		for i := range n {
			k := (i*7919 + c) % distinct
			if nulls > 0 && (i+c)%nulls == 0 {
				b.AppendNull()
				continue
			}
			text := fmt.Sprint(k % 100)
			switch typ.ID() {
			case arrow.BOOL:
				text = fmt.Sprint(k%3 == 0)
			case arrow.INT32, arrow.INT64, arrow.UINT32, arrow.UINT64, arrow.FLOAT32, arrow.FLOAT64:
				text = fmt.Sprint(k)
			case arrow.STRING:
				text = fmt.Sprintf("%0*d", 1+k%23, k)
			case arrow.DATE32:
				text = fmt.Sprintf("2024-01-%02d", 1+k%28)
			case arrow.TIME32, arrow.TIME64:
				text = fmt.Sprintf("10:20:%02d", k%60)
			case arrow.TIMESTAMP:
				text = fmt.Sprintf("19%02d-01-02T03:04:%02dZ", k%100, k%60)
			case arrow.BINARY:
				text = []string{"YWJj", "", "/w==", "YWJjYWJjYWJjYWJjYWJj"}[k%4]
			}
			if err := b.AppendValueFromString(text); err != nil {
				panic(err)
			}
		}
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", c), Type: typ, Nullable: nulls > 0})
		cols = append(cols, b.NewArray())
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(n))
}

type chunkBatch = chunk.Batch

func chunkOf(rec arrow.Record) (*chunk.Batch, error) { return chunk.FromRecord(rec) }
