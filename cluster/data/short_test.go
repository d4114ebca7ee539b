package data

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// shortRows are two columns of their own and three of a table.
var shortRows = dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Utf8), Nullable: true}, {Name: "i", Type: dtype.Of(dtype.Int64)}, {Name: "b", Type: dtype.Of(dtype.Bool), Nullable: true},
	{Name: "m", Type: dtype.DecimalOf(20, 2), Nullable: true}, {Name: "j", Type: dtype.Of(dtype.Int64)}}

// place makes a table of n rows with columns 0, 2 and 3 of shortRows; one text is long.
func place(rnd *rand.Rand, n int) *chunk.Table {
	x := batch(rnd, n)
	text := &x.Cols[3]
	text.Str = append(text.Str, make([]byte, 900)...)
	text.Off[n] += 900
	hole := chunk.Vec{Type: dtype.Of(dtype.Null), N: n}
	rows := &chunk.Batch{N: n, Cols: []chunk.Vec{x.Cols[3], hole, x.Cols[2], x.Cols[6], hole}}
	rows.Own(mem.Heap, nil)
	return chunk.NewTable(rows)
}

// shortBatch makes n rows that refer to a table, some to none of its rows.
func shortBatch(rnd *rand.Rand, t *chunk.Table, n int) *chunk.Batch {
	own, numbers, valid := make([]int64, n), make([]uint32, n+16)[:n], make([]uint64, chunk.Words(n)+1)
	for i := range n {
		own[i], numbers[i] = rnd.Int64(), uint32(rnd.IntN(t.Rows.N))
	}
	for i := range valid {
		valid[i] = rnd.Uint64() | rnd.Uint64()
	}
	i := chunk.Vec{Type: dtype.Of(dtype.Int64), N: n, Data: chunk.Bytes(own)}
	return &chunk.Batch{N: n, Seq: rnd.Uint64(), Table: t, Cols: []chunk.Vec{i, i, {Type: dtype.Of(dtype.Uint32), N: n, Valid: valid, Data: chunk.Bytes(numbers)}}}
}

// A shortened value gives the batches of a block full, and short to who asks for that.
type shortened struct{ *chunk.Block }

type shortReader struct {
	chunk.Reader
	full *chunk.Batch
}

func (s shortened) Open(run int) (chunk.Reader, error) {
	r, err := s.Block.Open(run)
	return &shortReader{Reader: r}, err
}

func (r *shortReader) Short() chunk.Reader { return r.Reader }

func (r *shortReader) Next() (*chunk.Batch, error) {
	b, err := r.Reader.Next()
	if err == nil && b.Table != nil {
		b, err = b.Full()
	}
	r.full = b
	return b, err
}

// filling is a sink that has short batches made full.
type filling struct {
	catcher
	short, tables int
	last          *chunk.Table
}

func (f *filling) Put(ref, run int, b *chunk.Batch) (bool, error) {
	if b.Table != nil {
		f.short++
		if b.Table != f.last {
			f.last = b.Table
			f.tables++
		}
		var err error
		if b, err = b.Full(); err != nil {
			return false, err
		}
	}
	return f.catcher.Put(ref, run, b)
}

// TestShortBatches: a reader that takes short batches gets them, and their table once for a block unless another one came between; any other one
// gets full batches. It is so where they lie and through somebody else, for large and small ones, and for those that are too large for one frame if they were full.
func TestShortBatches(t *testing.T) {
	rnd := rand.New(rand.NewPCG(17, 1))
	one, two := place(rnd, 300), place(rnd, 20_000)
	full, err := shortBatch(rnd, one, 200).Full()
	if err != nil {
		t.Fatal(err)
	}
	large := maxBody/(one.Wide+20) + 1000 // of them only a few have the long text
	run := []*chunk.Batch{shortBatch(rnd, one, 100), shortBatch(rnd, one, 30_000), full, shortBatch(rnd, two, 9000), shortBatch(rnd, one, large)}
	var want []string
	for _, b := range run {
		if b.Table != nil {
			if b, err = b.Full(); err != nil {
				t.Fatal(err)
			}
		}
		want = append(want, rows(b)...)
	}
	s := NewServer(&shelf{v: shortened{chunk.NewBlock([][]*chunk.Batch{run})}}, insecure.NewCredentials(), anybody)
	addr, p := start(t, s)
	through := newRelay(t, addr)
	for _, at := range []string{addr, through.lis.Addr().String()} {
		for _, short := range []bool{true, false} {
			f := &filling{}
			tk := &Ticket{Short: short, Refs: []Ref{{Hi: -1}, {Hi: -1}}}
			if err := p.Get(context.Background(), at, key, tk, []dtype.Schema{shortRows, shortRows}, f); err != nil {
				t.Fatal(err)
			}
			// the last batch of a block comes in two, and has its table sent again after another one
			if n, m := f.short, f.tables; short && (n != 10 || m != 6) || !short && n > 0 {
				t.Errorf("asked for short ones %v: %d came, of %d tables", short, n, m)
			}
			if got := f.got[0]; !slices.Equal(got[:len(got)/2], want) || !slices.Equal(got[len(got)/2:], want) {
				t.Errorf("asked for short ones %v: %d rows, want %d twice, or others", short, len(got), len(want))
			}
		}
	}
	_ = p.Close() // the relay goes on until then
}

// bodyOf words what a writer sends of a batch.
func bodyOf(kind byte, ref uint32, b *chunk.Batch) (out []byte) {
	var body []byte
	_ = b.Write(8, func(x []byte) error { body = append(body, x...); return nil })
	_, codes := b.Written(8)
	h := head{kind: kind, ref: ref, align: 8, rows: uint64(b.N), body: uint32(len(body)), codes: uint32(codes)}
	if b.Table != nil {
		h.short = 1
	}
	for at := 0; at < len(body); {
		n := min(len(body)-at, partBytes)
		if rest := len(body) - codes - at; rest > 0 {
			n = min(n, rest)
		}
		out = append(out, lie(h, body[at:at+n])...)
		at += n
		h.kind, h.seq = kindMore, uint64(at)
	}
	return out
}

// TestHostileTables: tables and short batches that are none are found out before anything is made of them.
func TestHostileTables(t *testing.T) {
	rnd := rand.New(rand.NewPCG(17, 2))
	tab := place(rnd, 100)
	few, many := bodyOf(kindTable, 0, tab.Rows), &chunk.Batch{N: 8, Table: tab, Cols: shortBatch(rnd, tab, 8).Cols}
	chunk.Values[uint32](&many.Cols[2])[5] = 100
	coded := place(rnd, 3)
	coded.Rows.Cols[0] = batch(rnd, 3).Cols[4]
	long := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: 1, Off: []int32{0, 2000}, Str: make([]byte, 2000)}
	hole := chunk.Vec{Type: dtype.Of(dtype.Null), N: 1}
	wide := &chunk.Batch{N: 1, Cols: []chunk.Vec{long, hole, hole, hole, hole}}
	shrunk := bodyOf(kindTable, 0, tab.Rows)
	binary.LittleEndian.PutUint64(shrunk[headSize+8:], 1<<40)
	for name, c := range map[string]struct {
		short bool
		why   string
		says  [][]byte
	}{
		"a table that was not asked for":       {false, "not asked for", [][]byte{few}},
		"a short batch without a table":        {true, "and no table", [][]byte{bodyOf(kindBatch, 0, shortBatch(rnd, tab, 8))}},
		"a row that the table has not":         {true, "row 100 of a table of 100", [][]byte{few, bodyOf(kindBatch, 0, many)}},
		"rows that would be too many":          {true, "may become", [][]byte{few, bodyOf(kindBatch, 0, shortBatch(rnd, tab, maxBody/tab.Wide+1))}},
		"a table with codes":                   {true, "16 bytes of codes", [][]byte{bodyOf(kindTable, 0, coded.Rows)}},
		"a table with a long text":             {true, "that is none", [][]byte{bodyOf(kindTable, 0, wide)}},
		"a table of nothing":                   {true, "are left", [][]byte{bodyOf(kindTable, 0, &chunk.Batch{Cols: place(rnd, 1).Rows.Cols[1:2]})}},
		"a table beyond the bound":             {true, "a table of 4194312 bytes", [][]byte{lie(head{kind: kindTable, align: 8, rows: 1, body: mostTable + 8}, make([]byte, 16))}},
		"a table with bytes behind it":         {true, "after the last column", [][]byte{lie(head{kind: kindTable, align: 8, rows: 100, body: uint32(len(few)) - headSize + 8}, append(slices.Clone(few[headSize:]), make([]byte, 8)...))}},
		"a table whose text is not there":      {true, "a buffer of", [][]byte{lie(head{kind: kindTable, align: 8, rows: 100, body: uint32(len(shrunk)) - headSize}, shrunk[headSize:])}},
		"the end of a block, and it goes on":   {true, "and no table", [][]byte{few, lie(head{kind: kindEnd, run: 1}, nil), bodyOf(kindBatch, 1, shortBatch(rnd, tab, 8))}},
		"a batch that is short in another way": {true, "short in way 2", [][]byte{few, lie(head{kind: kindBatch, short: 2}, nil)}},
		"a dictionary that is short":           {true, "short in way 1", [][]byte{few, lie(head{kind: kindDict, short: 1}, nil)}},
	} {
		t.Run(name, func(t *testing.T) {
			addr, p := liar(t, c.says...)
			err := p.Get(context.Background(), addr, "", &Ticket{Short: c.short, Refs: []Ref{{Hi: -1}, {Hi: -1}}}, []dtype.Schema{shortRows, shortRows}, &filling{})
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%v, want an error with %q", err, c.why)
			}
		})
	}
}

// spelled are the bodies of a table of n rows, and of a short batch that refers to it.
func spelled(rnd *rand.Rand, n, rows int) (table, batch []byte, codes int) {
	t := place(rnd, n)
	b := shortBatch(rnd, t, rows)
	put := func(to *[]byte) func([]byte) error {
		return func(x []byte) error { *to = append(*to, x...); return nil }
	}
	_, codes = b.Written(8)
	_ = errors.Join(t.Rows.Write(8, put(&table)), b.Write(8, put(&batch))) // never fails
	return table, batch, codes
}

// FuzzTable has tables and short batches whose checksums are right and whose contents are not: what is not refused can be put together, and read.
func FuzzTable(f *testing.F) {
	rnd := rand.New(rand.NewPCG(17, 3))
	for _, n := range []int{1, 9, 70} {
		table, batch, codes := spelled(rnd, n, 2*n)
		f.Add(uint32(n), table, uint32(2*n), uint32(codes), batch)
	}
	at := func(b []byte) []byte { // where words may lie
		aligned := chunk.Bytes(make([]uint64, len(b)/8+1))[:len(b)]
		copy(aligned, b)
		return aligned
	}
	f.Fuzz(func(t *testing.T, n uint32, place []byte, rowsOf, codes uint32, short []byte) {
		h := head{kind: kindTable, align: 8, rows: uint64(n & (1<<31 - 1)), body: uint32(len(place))}
		g := &getter{t: &Ticket{Short: true, Refs: []Ref{{Hi: -1}}}, schemas: []dtype.Schema{shortRows}}
		if g.take(&h, h.split(at(place))) != nil {
			return
		}
		h = head{kind: kindBatch, align: 8, short: 1, rows: uint64(rowsOf & (1<<31 - 1)), body: uint32(len(short)), codes: min(codes, uint32(len(short))) &^ 7}
		b, err := g.dec.rows(&h, g.short, h.split(at(short)))
		if err == nil {
			err = g.numbered(b)
		}
		if err != nil {
			return
		}
		full, err := b.Full()
		if err != nil {
			t.Fatal(err)
		}
		if err := chunk.NewBuilder(shortRows, mem.Heap).Append(full); err != nil {
			t.Fatal(err)
		}
		if got := len(rows(full)); got != int(rowsOf&(1<<31-1)) {
			t.Errorf("%d rows of %d", got, rowsOf)
		}
	})
}
