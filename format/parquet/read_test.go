package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	pq "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// TestWrittenByArrow reads every type in many encodings, codecs, page versions and sizes.
func TestWrittenByArrow(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	recs := []arrow.Record{table(2000, 0, 700), table(3000, 3, 300), table(200, 1, 5), table(1, 0, 1), table(2500, 7, 2500)}
	for i, rec := range effort.Some(3, recs) {
		want := valuesOf(t, rec)
		for name, props := range map[string][]pq.WriterProperty{
			"plain":       {pq.WithDictionaryDefault(false)},
			"dictionary":  {pq.WithCompression(compress.Codecs.Snappy)},
			"small pages": {pq.WithDataPageSize(300), pq.WithCompression(compress.Codecs.Zstd), pq.WithBatchSize(50)},
			"version 2":   {pq.WithDataPageVersion(pq.DataPageV2), pq.WithCompression(compress.Codecs.Gzip), pq.WithDataPageSize(900), pq.WithBatchSize(50)},
			"plain v2":    {pq.WithDataPageVersion(pq.DataPageV2), pq.WithDictionaryDefault(false), pq.WithCompression(compress.Codecs.Brotli)},
			"groups":      {pq.WithMaxRowGroupLength(777), pq.WithDictionaryPageSizeLimit(900), pq.WithDataPageSize(400), pq.WithBatchSize(64)},
		} {
			got, _, err := readFile(t, arrowFile(t, rec, props...), Options{})
			if err != nil {
				t.Fatalf("%d %s: %v", i, name, err)
			}
			sameRows(t, fmt.Sprint(i, " ", name), got.got, want)
		}
	}
}

// TestDeltaEncodings reads what the deltas of Arrow hold, with steps of every width.
func TestDeltaEncodings(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	ints, longs, words := array.NewInt32Builder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 20000 {
		if i%11 == 10 {
			ints.AppendNull()
			longs.AppendNull()
			words.AppendNull()
			continue
		}
		w := uint(i / 128 % 64)
		ints.Append(int32(r.Uint32() >> min(31, w)))
		longs.Append(int64(r.Uint64() >> w))
		words.Append(strings.Repeat("prefix", r.Intn(3)) + fmt.Sprint(r.Intn(1000)))
	}
	for name, c := range map[string]struct {
		a arrow.Array
		e []pq.Encoding
	}{
		"int32": {ints.NewArray(), []pq.Encoding{pq.Encodings.DeltaBinaryPacked}},
		"int64": {longs.NewArray(), []pq.Encoding{pq.Encodings.DeltaBinaryPacked}},
		"text":  {words.NewArray(), []pq.Encoding{pq.Encodings.DeltaByteArray, pq.Encodings.DeltaLengthByteArray}},
	} {
		rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "x", Type: c.a.DataType(), Nullable: true}}, nil), []arrow.Array{c.a}, int64(c.a.Len()))
		for _, e := range c.e {
			path := arrowFile(t, rec, pq.WithDictionaryDefault(false), pq.WithEncoding(e)) // one page: v17 shares prefixes across pages
			got, _, err := readFile(t, path, Options{})
			if err != nil {
				t.Fatalf("%s %s: %v", name, e, err)
			}
			sameRows(t, name+e.String(), got.got, valuesOf(t, rec))
		}
	}
}

// TestHybrid compares unpacking with the definition, bit by bit, for every width, place and length.
func TestHybrid(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for width := uint(0); width <= 32; width++ {
		for _, n := range []int{1, 7, 8, 9, 64, 200, 1000} {
			want := make([]uint32, (n+7)/8*8)
			packed := make([]byte, len(want)/8*int(width))
			for i := range want {
				want[i] = uint32(r.Uint64() & (1<<width - 1))
				for b := range width {
					if want[i]>>b&1 != 0 {
						at := i*int(width) + int(b)
						packed[at/8] |= 1 << (at % 8)
					}
				}
			}
			body := append(binary.AppendUvarint(nil, uint64(len(want)/8)<<1|1), packed...)
			body = binary.AppendUvarint(body, 100<<1)
			body = append(body, make([]byte, (width+7)/8)...)
			for range 5 {
				var h hybrid
				h.start(body, width)
				var got []uint32
				for len(got) < n {
					k := min(n-len(got), 1+r.Intn(40))
					if r.Intn(4) == 0 {
						if err := h.skip(k); err != nil {
							t.Fatal(err)
						}
						got = append(got, want[len(got):len(got)+k]...)
						continue
					}
					part := make([]uint32, k)
					if err := h.read(part); err != nil {
						t.Fatal(err)
					}
					got = append(got, part...)
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("width %d, %d numbers: number %d is %d, want %d", width, n, i, got[i], want[i])
					}
				}
				rest := make([]uint32, len(want)-n+100)
				if err := h.read(rest); err != nil || rest[len(rest)-1] != 0 {
					t.Fatalf("width %d: the run after it: %v", width, err)
				}
				if err := h.read(rest[:1]); err == nil {
					t.Fatalf("width %d: a number beyond the end", width)
				}
			}
		}
	}
}

// TestDictionariesStay holds that text keeps its codes on pages that have them, and only there.
func TestDictionariesStay(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 20000 {
		if i < 10000 {
			b.Append(fmt.Sprint("few", i%7))
		} else {
			b.Append(fmt.Sprint("many different values ", i)) // outgrows the dictionary
		}
	}
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{b.NewArray()}, 20000)
	got, _, err := readFile(t, arrowFile(t, rec, pq.WithMaxRowGroupLength(10000), pq.WithDictionaryPageSizeLimit(4096)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	sameRows(t, "text", got.got, valuesOf(t, rec))
	if got.dict < 3 || got.most != morselRows {
		t.Errorf("%d morsels with codes, up to %d rows", got.dict, got.most)
	}
}

// TestSplitsOfOneGroup cuts a large row group into ranges of rows.
func TestSplitsOfOneGroup(t *testing.T) {
	rec := table(5000, 4, 300)
	p, _, err := Describe(context.Background(), []string{arrowFile(t, rec, pq.WithDataPageSize(700), pq.WithBatchSize(64))}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := newSource(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{1, 2, 3, 7} {
		tk, out := newTask(1<<30), &rows{t: t}
		f, err := src.Open(tk, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := f.(*feed)
		x.splits = nil
		for k := range n {
			x.splits = append(x.splits, segment{0, 5000 * k / n, 5000 * (k + 1) / n})
		}
		r, err := f.Reader()
		if err != nil {
			t.Fatal(err)
		}
		for s := range f.Splits() {
			if err := r.Read(s, out); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(r.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		sameRows(t, fmt.Sprint(n, " pieces"), out.got, valuesOf(t, rec))
	}
}

// TestSmallTablesAreCut holds that a table of one row group gives several threads something to do.
func TestSmallTablesAreCut(t *testing.T) {
	for rows, want := range map[int64]int{20_000: 1, 150_000: 5, 1_000_000: 8} {
		p := ReadParams{Groups: []Group{{Rows: rows, Bytes: 1 << 20}}}
		p.cut()
		all := p.splits(0)
		if len(all) != want || all[0].lo != 0 || all[len(all)-1].hi != rows {
			t.Errorf("%d rows: %v, want %d splits", rows, all, want)
		}
	}
}

// TestSplitsShareDictionaries reads the splits of a row group with two readers in turns: texts have one dictionary,
// whoever read it, and its memory is given back with the last split, or by closing. Numbers are those of their row
// group, whichever the reader had open before.
func TestSplitsShareDictionaries(t *testing.T) {
	b, raw := array.NewStringBuilder(memory.DefaultAllocator), array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	few := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range 4000 {
		b.Append(fmt.Sprint("text ", i%50))
		raw.Append(fmt.Append(nil, "bytes ", i%70))
		few.Append(int64(i/2000*100 + i%2000/500*10 + i%5)) // the first 500 rows of a row group have the first entries
	}
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}, {Name: "b", Type: arrow.BinaryTypes.Binary},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil), []arrow.Array{b.NewArray(), raw.NewArray(), few.NewArray()}, 4000)
	p, _, err := Describe(context.Background(), []string{arrowFile(t, rec, pq.WithMaxRowGroupLength(2000))}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := newSource(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, splits := range []int{6, 5} { // the last one is not read
		tk := newTask(1 << 30)
		f, err := src.Open(tk, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := f.(*feed)
		x.splits = []segment{{0, 0, 500}, {1, 0, 600}, {0, 500, 2000}, {1, 600, 900}, {1, 900, 1000}, {1, 1000, 2000}}
		var readers [2]op.Reader
		for i := range readers {
			if readers[i], err = f.Reader(); err != nil {
				t.Fatal(err)
			}
		}
		ids, again := map[int]map[*chunk.Dict]bool{0: {}, 1: {}}, 0
		out, held := &rows{t: t}, int64(0)
		for s := range splits {
			at, n := x.splits[s].at, readers[s%2].(*reader).cols[2]
			known := n.of == &x.groups[at]
			if known {
				n.values[0] = 77 // no row to come has the first entry: it is not read again
			}
			if err := readers[s%2].Read(s, sink(func(m *chunk.Batch) error {
				ids[at][m.Cols[0].Dict] = true
				held = max(held, tk.Used())
				return out.Push(m)
			})); err != nil {
				t.Fatal(err)
			}
			if known && n.values[0] == 77 {
				again++
			}
		}
		if again != splits/2 {
			t.Errorf("%d splits: the dictionary of the numbers served %d of them again", splits, again)
		}
		if len(ids[0]) != 1 || len(ids[1]) != 1 || ids[0][nil] || ids[1][nil] {
			t.Errorf("dictionaries of the row groups: %v", ids)
		}
		if n := map[int]int{6: 0, 5: 1}[splits]; len(x.dicts) != n {
			t.Errorf("%d splits of 6 read: dictionaries of %d row groups are kept, want %d", splits, len(x.dicts), n)
		}
		if err := errors.Join(readers[0].Close(), readers[1].Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		if held == 0 || tk.Used() != 0 {
			t.Errorf("%d bytes in use, then %d", held, tk.Used())
		}
		want := valuesOf(t, rec)
		order := append(append(append([][]any{}, want[:500]...), want[2000:2600]...), want[500:2000]...)
		order = append(order, want[2600:3000]...)
		if splits == 6 {
			order = append(order, want[3000:]...)
		}
		sameRows(t, fmt.Sprint(splits, " splits"), out.got, order)
	}
}

// A sink is a function that takes morsels.
type sink func(m *chunk.Batch) error

func (f sink) Push(m *chunk.Batch) error { return f(m) }

// TestProjection reads some columns, none of them, and columns in another order.
func TestProjection(t *testing.T) {
	rec := table(3000, 5, 50)
	path := arrowFile(t, rec)
	p, _, err := Describe(context.Background(), []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	whole := valuesOf(t, rec)
	for _, cols := range [][]int32{{3}, {11, 0}, {}, {5, 4, 3, 12}} {
		p.Cols = cols
		out, _, err := read(t, p, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		want := make([][]any, len(whole))
		for i := range whole {
			for _, c := range cols {
				want[i] = append(want[i], whole[i][c])
			}
		}
		sameRows(t, fmt.Sprint(cols), out.got, want)
	}
	got, s, err := readFile(t, path, Options{Columns: []string{"c11", "c3"}})
	if err != nil || len(s) != 2 || len(got.got) != 3000 {
		t.Errorf("%v %v", s, err)
	}
	if _, _, err := readFile(t, path, Options{Columns: []string{"nope"}}); err == nil || !strings.Contains(err.Error(), `no column "nope"; `) {
		t.Errorf("%v", err)
	}
}

// TestPredicates compares the reader's filter with filtering afterwards.
func TestPredicates(t *testing.T) {
	rec := table(6000, 6, 4000)
	path := arrowFile(t, rec, pq.WithMaxRowGroupLength(1700), pq.WithDataPageSize(900), pq.WithBatchSize(64))
	p, s, err := Describe(context.Background(), []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := chunkOf(rec)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"c3 == 17", "c4 > 3990", "c4 > 100000", `c11 == "0000000000000000017"`, "is_null(c3) and c9 < 100", "c10 >= 0 or c0", "c4 in (5, 6, 100000)", `c13 < "2024-01-05" and c8 < 50`, "c1 + c2 == 4"} {
		e, err := expr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		q, rest := filter(p, e)
		if !rest.None() {
			t.Fatalf("%s: %s is left", text, rest)
		}
		q.Cols = []int32{11, 3}
		out, tk, err := read(t, q, 1<<30)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		prog, err := expr.Compile(e, s)
		if err != nil {
			t.Fatal(err)
		}
		mask, _, err := prog.NewState().Filter(batch)
		if err != nil {
			t.Fatal(err)
		}
		var want [][]any
		for i := range batch.N {
			if mask[i>>6]>>(i&63)&1 != 0 {
				want = append(want, []any{value(&batch.Cols[11], i), value(&batch.Cols[3], i)})
			}
		}
		sameRows(t, text, out.got, want)
		if text == "c4 > 100000" && tk.counts["rows left out by statistics"] != 6000 {
			t.Errorf("%s: %v", text, tk.counts)
		}
	}
}

// TestSmallMemory holds that a budget that is too small is an error that says so, and that nothing is kept.
func TestSmallMemory(t *testing.T) {
	p, _, err := Describe(context.Background(), []string{arrowFile(t, table(20000, 5, 20000), pq.WithDictionaryDefault(false))}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int64{1000, 100 << 10, 1 << 20} {
		_, tk, err := read(t, p, limit)
		if !errors.Is(err, mem.ErrBudget) || !strings.Contains(err.Error(), "x.parquet: row group 0: column c") {
			t.Errorf("%d bytes: %v", limit, err)
		}
		if tk.Used() != 0 {
			t.Errorf("%d bytes: %d are kept", limit, tk.Used())
		}
	}
}

// TestCancel holds that reading stops.
func TestCancel(t *testing.T) {
	p, _, err := Describe(context.Background(), []string{arrowFile(t, table(20000, 5, 100))}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := newSource(p)
	if err != nil {
		t.Fatal(err)
	}
	tk := newTask(1 << 30)
	ctx, cancel := context.WithCancel(context.Background())
	tk.ctx = ctx
	cancel()
	if err := readBlock(src, tk, &rows{t: t}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestChangedFile holds that a file that is another one now is refused.
func TestChangedFile(t *testing.T) {
	path := arrowFile(t, table(10, 0, 10))
	p, _, err := Describe(context.Background(), []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, p, 1<<30); err == nil || !strings.Contains(err.Error(), "changed after the plan was built") {
		t.Errorf("%v", err)
	}
}

// seeds are small files that differ in codec, encoding and page version.
func seeds(t testing.TB) (out [][]byte) {
	rec := table(60, 5, 30)
	for _, props := range [][]pq.WriterProperty{{}, {pq.WithDictionaryDefault(false), pq.WithCompression(compress.Codecs.Snappy)},
		{pq.WithMaxRowGroupLength(25), pq.WithCompression(compress.Codecs.Zstd)},
		{pq.WithDataPageVersion(pq.DataPageV2), pq.WithCompression(compress.Codecs.Gzip), pq.WithDataPageSize(100), pq.WithBatchSize(10)}} {
		out = append(out, bytesOf(t, arrowFile(t, rec, props...)))
	}
	out = append(out, bytesOf(t, arrowFile(t, deep(60), pq.WithDataPageSize(100), pq.WithBatchSize(10))))
	for c, e := range map[int]pq.Encoding{4: pq.Encodings.DeltaBinaryPacked, 11: pq.Encodings.DeltaByteArray, 12: pq.Encodings.DeltaLengthByteArray} {
		one := array.NewRecord(arrow.NewSchema([]arrow.Field{rec.Schema().Field(c)}, nil), []arrow.Array{rec.Column(c)}, 60)
		out = append(out, bytesOf(t, arrowFile(t, one, pq.WithDictionaryDefault(false), pq.WithEncoding(e))))
	}
	return out
}

func bytesOf(t testing.TB, path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// damaged reads bytes that may be no file at all: rows or a clear error, within 64 MiB.
func damaged(t testing.TB, path string, b []byte) error {
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	p, _, err := Describe(context.Background(), []string{path}, Options{})
	if err != nil {
		return err
	}
	p.Cols = p.Cols[:min(len(p.Cols), 20)]
	tk := newTask(64 << 20)
	defer tk.Trim()
	src, err := newSource(p)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	tk.ctx = ctx
	for b := range max(1, len(p.Blocks)-1) {
		tk.block = b
		if err := readBlock(src, tk, discard{}); err != nil {
			return err
		}
	}
	return nil
}

// discard looks at the ends of what comes.
type discard struct{}

func (discard) Push(m *chunkBatch) error {
	for i := range m.Cols {
		_, _ = value(&m.Cols[i], 0), value(&m.Cols[i], m.N-1)
	}
	return nil
}

// TestDamaged reads damaged files: no panic, no hang, clear errors. Half of the damage goes into the footer.
func TestDamaged(t *testing.T) {
	all, path := seeds(t), t.TempDir()+"/damaged.parquet"
	r := rand.New(rand.NewSource(17))
	failed, n := 0, effort.Of(1000, 250)
	for i := range n {
		seed := all[i%len(all)]
		from, to := 0, len(seed)
		cut := len(seed) - 8 - int(binary.LittleEndian.Uint32(seed[len(seed)-8:]))
		if i%2 == 0 {
			from = cut
		} else {
			to = cut
		}
		b := append([]byte(nil), seed...)
		for range 1 + r.Intn(3) {
			at := from + r.Intn(to-from)
			switch r.Intn(4) {
			case 0:
				b[at] ^= 1 << r.Intn(8)
			case 1:
				b[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[r.Intn(5)]
			case 2:
				copy(b[at:min(to, at+r.Intn(20))], b[from+r.Intn(to-from):])
			case 3:
				b[at] = byte(r.Intn(256))
			}
		}
		if err := damaged(t, path, b); err != nil {
			failed++
			if !isClear(err) && !clearAnyway(err) {
				t.Errorf("damage %d: %v", i, err)
			}
		}
	}
	if failed < n/4 {
		t.Errorf("only %d of %d were refused", failed, n)
	}
}

// clearAnyway accepts what is no fault of the bytes: types that frames do not store, names that collide.
func clearAnyway(err error) bool {
	for _, s := range []string{"frames do not store", "two columns are called", "are not supported"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// FuzzRead looks for what TestDamaged misses.
func FuzzRead(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := damaged(t, t.TempDir()+"/f.parquet", b); err != nil && !isClear(err) && !clearAnyway(err) {
			t.Fatal(err)
		}
	})
}

// TestInt96 holds that dates behind the range of nanoseconds are refused, not wrapped.
func TestInt96(t *testing.T) {
	in := make([]byte, 24)
	binary.LittleEndian.PutUint64(in, 5)
	binary.LittleEndian.PutUint32(in[8:], julianEpoch-1)
	binary.LittleEndian.PutUint32(in[20:], julianEpoch+20000)
	out := make([]byte, 16)
	if err := fromInt96(dtype.Nano)(out, in, 2); err != nil {
		t.Fatal(err)
	}
	if a, b := int64(binary.LittleEndian.Uint64(out)), int64(binary.LittleEndian.Uint64(out[8:])); a != 5-86400e9 || b != 20000*86400e9 {
		t.Errorf("%d %d", a, b)
	}
	binary.LittleEndian.PutUint32(in[8:], julianEpoch+200000)
	if err := fromInt96(dtype.Nano)(out, in, 1); !isClear(err) {
		t.Errorf("%v", err)
	}
	binary.LittleEndian.PutUint64(in, 5_999)
	if err := fromInt96(dtype.Micro)(out, in, 1); err != nil || int64(binary.LittleEndian.Uint64(out)) != 200000*86400e6+5 {
		t.Errorf("%d, %v", int64(binary.LittleEndian.Uint64(out)), err)
	}
	binary.LittleEndian.PutUint32(in[8:], 1<<31-1)
	if err := fromInt96(dtype.Micro)(out, in, 1); !isClear(err) {
		t.Errorf("%v", err)
	}
	binary.LittleEndian.PutUint32(in[8:], 1<<31) // the first day that there is
	if err := fromInt96(dtype.Milli)(out, in, 1); err != nil || int64(binary.LittleEndian.Uint64(out)) != -(1<<31+julianEpoch)*86400e3 {
		t.Errorf("%d, %v", int64(binary.LittleEndian.Uint64(out)), err)
	}
}

// TestInt96OfSpark reads a file whose dates reach to the year 290000.
func TestInt96OfSpark(t *testing.T) {
	path := sharedData(t, "parquet-testing") + "/data/int96_from_spark.parquet"
	got, s, err := readFile(t, path, Options{Int96: "us"})
	if err != nil || s[0].Type != dtype.TimestampOf(dtype.Micro, "") {
		t.Fatalf("%v, %v", s, err)
	}
	want := []string{"2024-01-01T20:34:56.123456Z", "2024-01-01T01:00:00Z", "9999-12-31T03:00:00Z", "2024-12-30T23:00:00Z", "", "290000-12-30T23:00:00Z"}
	for i, row := range got.got {
		text := ""
		if v, ok := row[0].(int64); ok {
			text = time.UnixMicro(v).UTC().Format(time.RFC3339Nano)
		}
		if len(got.got) != len(want) || text != want[i] {
			t.Errorf("row %d of %d is %q, want %q", i, len(got.got), text, want[i])
		}
	}
	if _, _, err := readFile(t, path, Options{Int96: "days"}); err == nil || !strings.Contains(err.Error(), `option Int96: "days" is no unit, want ns, us or ms`) {
		t.Errorf("%v", err)
	}
}

// TestNestedInt96 reads timestamps of 96 bits in lists and structs, beyond what nanoseconds reach, in the unit of the option.
func TestNestedInt96(t *testing.T) {
	leaf := func(name string) schema.Node { return schema.NewInt96Node(name, pq.Repetitions.Optional, -1) }
	list, err := schema.ListOf(leaf("element"), pq.Repetitions.Optional, -1)
	if err != nil {
		t.Fatal(err)
	}
	row := schema.MustGroup(schema.NewGroupNode("s", pq.Repetitions.Optional, schema.FieldList{leaf("at")}, -1))
	root := schema.MustGroup(schema.NewGroupNode("schema", pq.Repetitions.Required, schema.FieldList{list, row}, -1))
	day := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix() / 86400
	stamps := make([]pq.Int96, 2)
	for i, d := range []int64{day, 0} {
		binary.LittleEndian.PutUint64(stamps[i][:], 3*3600e9+123456e3)
		binary.LittleEndian.PutUint32(stamps[i][8:], uint32(julianEpoch+d))
	}
	var buf bytes.Buffer
	w := file.NewParquetWriter(&buf, root)
	g := w.AppendRowGroup()
	for _, levels := range [][2][]int16{{{3, 2, 3, 0}, {0, 1, 0, 0}}, {{2, 0, 2}, {0, 0, 0}}} { // a list of two, one of one, null; there, null, there
		c, err := g.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.(*file.Int96ColumnChunkWriter).WriteBatch(stamps, levels[0], levels[1]); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(g.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := saved(t, buf.Bytes())
	if _, _, err := readFile(t, path, Options{}); !isClear(err) || !strings.Contains(err.Error(), "does not fit in 64 bits of ns (option Int96 asks for coarser units)") {
		t.Errorf("nanoseconds: %v", err)
	}
	for option, unit := range int96Units {
		if unit == dtype.Nano {
			continue
		}
		got, s, err := readFile(t, path, Options{Int96: option})
		if err != nil || s[0].Type != dtype.ListOf(dtype.TimestampOf(unit, "")) || s[1].Type.Fields()[0].Type != dtype.TimestampOf(unit, "") {
			t.Fatalf("%s: %s, %v", option, s, err)
		}
		of := func(days int64) int64 {
			return int64(time.Duration(days*86400+3*3600)*time.Duration(unit.PerSecond())) + 123456*unit.PerSecond()/1e6
		}
		two, one := chunk.ViewList(dtype.Timestamp, []byte(got.got[0][0].(string))), chunk.ViewList(dtype.Timestamp, []byte(got.got[1][0].(string)))
		shape := chunk.ShapeOf(s[1].Type)
		for name, x := range map[string]struct {
			bytes []byte
			want  int64
		}{"the first in a list": {two.Fixed(0), of(day)}, "another list": {one.Fixed(0), of(0)},
			"a struct": {shape.Fixed([]byte(got.got[0][1].(string)), 0), of(day)}, "the last struct": {shape.Fixed([]byte(got.got[2][1].(string)), 0), of(0)}} {
			if v := int64(binary.LittleEndian.Uint64(x.bytes)); v != x.want {
				t.Errorf("%s: %s is %d, want %d", option, name, v, x.want)
			}
		}
		if two.N != 2 || !two.IsNull(1) || one.N != 1 || got.got[2][0] != nil || got.got[1][1] != nil {
			t.Errorf("%s: nulls elsewhere: %v", option, got.got)
		}
	}
}

// deep makes a record of nested columns with every place for nulls and emptiness.
func deep(n int) arrow.Record {
	entry := arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
		arrow.Field{Name: "y", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true})
	fields := []arrow.Field{{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true}, {Name: "s", Type: entry, Nullable: true},
		{Name: "m", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.FixedWidthTypes.Boolean), Nullable: true},
		{Name: "ll", Type: arrow.ListOf(arrow.ListOf(entry)), Nullable: true}, {Name: "flat", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}
	r := rand.New(rand.NewSource(int64(n)))
	var cols []arrow.Array
	for i := range fields {
		b := array.NewBuilder(memory.DefaultAllocator, fields[i].Type)
		for range n {
			grow(b, r)
		}
		cols = append(cols, b.NewArray())
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(n))
}

// grow appends one value of any type, often null or empty.
func grow(b array.Builder, r *rand.Rand) {
	if r.Intn(5) == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.Int16Builder:
		b.Append(int16(r.Intn(100)))
	case *array.Int32Builder:
		b.Append(int32(r.Intn(10)))
	case *array.Int64Builder:
		b.Append(r.Int63n(1000))
	case *array.BooleanBuilder:
		b.Append(r.Intn(2) == 0)
	case *array.StringBuilder:
		b.Append(strings.Repeat("ab", r.Intn(9)))
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			grow(b.FieldBuilder(i), r)
		}
	case *array.MapBuilder:
		b.Append(true)
		for range r.Intn(4) {
			b.KeyBuilder().(*array.StringBuilder).Append(fmt.Sprint(r.Intn(50)))
			grow(b.ItemBuilder(), r)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range r.Intn(4) {
			grow(b.ValueBuilder(), r)
		}
	default:
		panic(fmt.Sprintf("%T", b))
	}
}

// TestNested reads lists, structs, maps and lists of lists of structs, in pages that end within rows, whole and from
// the middle.
func TestNested(t *testing.T) {
	for _, n := range []int{1, 50, 9000} {
		rec := deep(n)
		want := valuesOf(t, rec)
		for name, props := range map[string][]pq.WriterProperty{
			"whole":       {},
			"small pages": {pq.WithDataPageSize(200), pq.WithBatchSize(16)},
			"version 2":   {pq.WithDataPageVersion(pq.DataPageV2), pq.WithCompression(compress.Codecs.Snappy), pq.WithDataPageSize(300), pq.WithBatchSize(16)},
			"groups":      {pq.WithMaxRowGroupLength(333), pq.WithDictionaryDefault(false)},
		} {
			path := arrowFile(t, rec, props...)
			got, s, err := readFile(t, path, Options{})
			if err != nil {
				t.Fatalf("%d %s: %v", n, name, err)
			}
			if want := "l list(int32)?, s struct(x int16, y list(utf8))?, m list(struct(key utf8, value bool))?, ll list(list(struct(x int16, y list(utf8))))?, flat int64?"; s.String() != want {
				t.Errorf("%s", s)
			}
			sameRows(t, fmt.Sprint(n, " ", name), got.got, want)
			p, _, err := Describe(context.Background(), []string{path}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			e, err := expr.Parse("flat > 900")
			if err != nil {
				t.Fatal(err)
			}
			p, _ = filter(p, e)
			out, _, err := read(t, p, 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			var some [][]any
			for _, row := range want {
				if v, ok := row[4].(int64); ok && v > 900 {
					some = append(some, row)
				}
			}
			sameRows(t, fmt.Sprint(n, " filtered ", name), out.got, some)
		}
	}
}

// A file may say anything of its decimals.
func TestDecimalsOutOfRange(t *testing.T) {
	for _, c := range []struct {
		precision, scale int
		ok               bool
	}{{9, 2, true}, {38, 38, true}, {9, -38, true}, {0, 0, false}, {9, 39, false}, {9, -39, false}, {9, 100, false}, {39, 2, false}} {
		l := guard.Leaf{Physical: guard.Int64, Logical: guard.Logical{Kind: guard.DecimalValues, Precision: c.precision, Scale: c.scale}}
		if got, err := decimalType(&l); (err == nil) != c.ok {
			t.Errorf("decimal(%d, %d) is %s, %v", c.precision, c.scale, got, err)
		}
	}
}
