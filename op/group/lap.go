package group

import (
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/quantile"
)

// A lap is at most lapRows rows on their way into a table: the columns it needs,
// the group of each row, and for every argument a lane.
type lap struct {
	n        int
	keys     []chunk.Vec
	args     []chunk.Vec
	gid      []uint32
	lanes    []lane
	hi, lo   []uint64 // positions, only when the plan asks for them
	straight bool     // the rows follow each other in one morsel
}

// A lane is the valid values of one fixed-width argument and their groups.
type lane struct {
	v       chunk.Vec
	n       int
	g       []uint32
	full    bool // no value was null
	text    bool // not prepared: states read the argument itself
	order   []int64
	ordered bool

	gbuf []uint32
	vbuf []byte
	wide []byte // bools as bytes, float32 as float64
}

func newLap(pl *plan) *lap {
	l := &lap{keys: make([]chunk.Vec, len(pl.keys)), args: make([]chunk.Vec, len(pl.args)),
		gid: make([]uint32, lapRows+1), lanes: make([]lane, len(pl.args))}
	if pl.positional {
		l.hi, l.lo = make([]uint64, lapRows), make([]uint64, lapRows)
	}
	return l
}

// take points the lap at rows [from, to) of m; from is a multiple of 64.
func (l *lap) take(pl *plan, m *chunk.Batch, from, to int) {
	l.n, l.straight = to-from, true
	for i, c := range pl.keys {
		l.keys[i] = m.Cols[c].Slice(from, to)
	}
	for i, a := range pl.args {
		l.args[i] = m.Cols[a.col].Slice(from, to)
	}
	if pl.positional {
		for i := range l.n {
			l.hi[i], l.lo[i] = m.Seq, uint64(m.Sub)<<32|uint64(from+i)
		}
	}
}

// prepare makes the lanes, when the groups are known.
func (l *lap) prepare() {
	for i := range l.lanes {
		l.lanes[i].prepare(&l.args[i], l.gid, l.n)
	}
}

func (a *lane) prepare(v *chunk.Vec, gid []uint32, n int) {
	a.ordered = false
	a.text = isText(v.Type.Kind)
	a.full = v.Type.Kind != dtype.Null && (v.Valid == nil || kernel.AllSet(v.Valid, n))
	if v.Type.Kind == dtype.Null {
		a.v, a.n, a.g = *v, 0, nil
		return
	}
	if a.full {
		a.v, a.n, a.g = *v, n, gid[:n]
	} else {
		if a.gbuf == nil {
			a.gbuf = make([]uint32, lapRows+64)
		}
		a.n = kernel.Compress(a.gbuf[:n+64], gid[:n], v.Valid[:chunk.Words(n)])
		a.g = a.gbuf[:a.n]
		if !a.text {
			if a.vbuf == nil {
				a.vbuf = make([]byte, (lapRows+64)*8)
			}
			a.v, _ = compressVec(v, n, a.vbuf)
		}
	}
	if v.Type.Kind == dtype.Bool {
		if a.wide == nil {
			a.wide = make([]byte, lapRows*8)
		}
		expandBits(a.v.Bits(), a.wide[:a.n])
		a.v = chunk.Vec{Type: dtype.Of(dtype.Uint8), N: a.n, Data: a.wide}
	}
}

// values returns the values of a lane.
func values[T chunk.Fixed](a *lane) []T { return chunk.Slice[T](a.v.Data, a.n) }

// keys returns the values as integers in the same order.
func (a *lane) keys() []int64 {
	if a.ordered {
		return a.order[:a.n]
	}
	if a.order == nil {
		a.order = make([]int64, lapRows)
	}
	a.ordered = true
	o := a.order[:a.n]
	orderKeys(&a.v, o)
	return o
}

// orderKeys writes integers that compare as the first len(o) values of v do: NaN
// is the greatest float and -0 is 0.
func orderKeys(v *chunk.Vec, o []int64) {
	n := len(o)
	switch v.Type.Kind {
	case dtype.Bool:
		w := v.Bits()
		for i := range o {
			o[i] = int64(w[i>>6] >> (uint(i) & 63) & 1)
		}
	case dtype.Int8:
		toInt64(chunk.Slice[int8](v.Data, n), o)
	case dtype.Int16:
		toInt64(chunk.Slice[int16](v.Data, n), o)
	case dtype.Int32, dtype.Date:
		toInt64(chunk.Slice[int32](v.Data, n), o)
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		copy(o, chunk.Slice[int64](v.Data, n))
	case dtype.Uint8:
		toInt64(chunk.Slice[uint8](v.Data, n), o)
	case dtype.Uint16:
		toInt64(chunk.Slice[uint16](v.Data, n), o)
	case dtype.Uint32:
		toInt64(chunk.Slice[uint32](v.Data, n), o)
	case dtype.Uint64:
		for i, x := range chunk.Slice[uint64](v.Data, n) {
			o[i] = int64(x ^ 1<<63)
		}
	case dtype.Float32:
		for i, x := range chunk.Slice[float32](v.Data, n) {
			o[i] = quantile.KeyOf(float64(x))
		}
	case dtype.Float64:
		for i, x := range chunk.Slice[float64](v.Data, n) {
			o[i] = quantile.KeyOf(x)
		}
	}
}

func toInt64[T integer](v []T, o []int64) {
	o = o[:len(v)]
	for i, x := range v {
		o[i] = int64(x)
	}
}

// fromOrder is the inverse of orderKeys: the bits of the value in its width.
func fromOrder(k dtype.Kind, o int64) uint64 {
	switch k {
	case dtype.Uint64:
		return uint64(o) ^ 1<<63
	case dtype.Float64:
		return uint64(o ^ int64(uint64(o>>63)>>1))
	case dtype.Float32:
		f := math.Float64frombits(uint64(o ^ int64(uint64(o>>63)>>1)))
		return uint64(math.Float32bits(float32(f)))
	}
	return uint64(o)
}
