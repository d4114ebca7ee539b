package expr

import (
	"errors"
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A function of one text column computes dictionary columns once per dictionary
// entry and then maps codes. Results are shared by all States of a program, so
// that text made of one dictionary has one dictionary again.

// lifts caches the results of one instruction for the last dictionaries.
type lifts struct {
	mu   sync.Mutex
	last []*lifted // oldest first
}

// keepLifts bounds the cache: a scan has a dictionary per file and column at a time.
const keepLifts = 8

// mostText bounds the text of the results for a dictionary: a function that makes text longer by far, such as str.repeat,
// would make gigabytes of a dictionary of which a morsel has a few entries.
func mostText(d *chunk.Dict) int { return 4*len(d.Values.Str) + 16<<20 }

// lifted is the result for one dictionary.
type lifted struct {
	id      uint64
	entries vector      // result per entry
	dict    *chunk.Dict // text results: the distinct ones …
	codes   []uint32    // … and which of them an entry has
	lut     []uint8     // bool results, one byte per entry
	only    int         // the only entry that is true; -1 for none, -2 for several
	nulls   bool        // some entry gives null
	long    bool        // the results are too long to be kept: rows are computed one by one
}

func (l *lifts) find(id uint64) *lifted {
	for _, x := range l.last {
		if x.id == id {
			return x
		}
	}
	return nil
}

func (s *State) runLifted(i int) error {
	ins, f := &s.p.instrs[i], &s.frames[i]
	v := f.in[ins.lift]
	x := s.lifted[i]
	if x == nil || x.id != v.Dict.ID {
		var err error
		if x, err = s.lift(i, v.Dict); err != nil {
			return err
		}
		s.lifted[i] = x
	}
	if x.long {
		return s.codes[i](f)
	}
	return s.expand(i, x, chunk.Values[uint32](v))
}

// lift returns the result for a dictionary, computed by the first State to ask.
func (s *State) lift(i int, d *chunk.Dict) (*lifted, error) {
	ins := &s.p.instrs[i]
	ins.dicts.mu.Lock()
	defer ins.dicts.mu.Unlock()
	if x := ins.dicts.find(d.ID); x != nil {
		return x, nil
	}
	x, n := &lifted{id: d.ID}, d.Values.N
	x.entries.reset(ins.Out, n)
	f := frame{n: n, out: &x.entries, in: slices.Clone(s.frames[i].in), most: mostText(d)}
	f.in[ins.lift] = &d.Values
	if ins.fails {
		f.check = make([]uint64, chunk.Words(n)) // an entry that fails matters only where a row has it
	}
	switch err := s.codes[i](&f); {
	case errors.Is(err, errLong):
		*x = lifted{id: d.ID, long: true}
	case err != nil:
		return nil, err
	default:
		if x.finish(); x.dict != nil {
			x.dict.Whole = d.Whole
		}
	}
	ins.dicts.last = append(ins.dicts.last, x)
	if len(ins.dicts.last) > keepLifts {
		ins.dicts.last = slices.Delete(ins.dicts.last, 0, 1)
	}
	return x, nil
}

// finish prepares the result for being mapped.
func (x *lifted) finish() {
	v := &x.entries.Vec
	x.nulls = v.Nulls() > 0
	switch {
	case v.Type.Kind.IsVar():
		x.distinct()
	case v.Type.Kind == dtype.Bool:
		x.lut, x.only = make([]uint8, v.N), -1
		for i := range x.lut {
			if v.IsNull(i) || !v.Bool(i) {
				continue
			}
			x.lut[i] = 1
			if x.only == -1 {
				x.only = i
			} else {
				x.only = -2
			}
		}
	}
}

// distinct makes a dictionary of the results: equal text must have one code.
func (x *lifted) distinct() {
	v := &x.entries.Vec
	seen := make(map[string]uint32, v.N)
	x.codes = make([]uint32, v.N)
	off, str := []int32{0}, []byte(nil)
	for i := range v.N {
		if v.IsNull(i) {
			continue
		}
		t := v.Text(i)
		c, ok := seen[t]
		if !ok {
			c = uint32(len(off) - 1)
			seen[t] = c
			str = append(str, t...)
			off = append(off, int32(len(str)))
		}
		x.codes[i] = c
	}
	if len(off) == 1 { // codes must be usable under nulls too
		off = append(off, 0)
	}
	x.dict = chunk.NewDict(chunk.Vec{Type: v.Type, N: len(off) - 1, Off: off, Str: str})
	x.entries = vector{Vec: chunk.Vec{Type: v.Type, N: v.N, Valid: v.Valid}} // the texts are in the dictionary
}

// expand maps codes to results.
func (s *State) expand(i int, x *lifted, codes []uint32) error {
	ins, f := &s.p.instrs[i], &s.frames[i]
	out := f.out
	if x.nulls {
		valid := out.ownValid()
		if ins.fails {
			if err := s.failed(i, x, codes); err != nil {
				return err
			}
		}
		for w := range valid {
			valid[w] &= gatherWord(x.entries.Valid, codes[w*64:min(w*64+64, len(codes))])
		}
	}
	switch v := &x.entries; {
	case x.dict != nil:
		out.Dict = x.dict
		gather(fixed[uint32](out), x.codes, codes)
	case v.Type.Kind == dtype.Bool:
		x.expandBits(out.bits(), codes)
	default:
		gatherWidth(out, v, codes)
	}
	return nil
}

func gatherWord(src []uint64, codes []uint32) (w uint64) {
	for k, c := range codes {
		w |= src[c>>6] >> (c & 63) & 1 << uint(k)
	}
	return w
}

func (x *lifted) expandBits(out []uint64, codes []uint32) {
	switch {
	case x.only == -1:
		clear(out)
	case x.only >= 0:
		kernel.CmpConst(kernel.Eq, codes, uint32(x.only), out)
	default:
		for w := range out {
			var bits uint64
			for k, c := range codes[w*64 : min(w*64+64, len(codes))] {
				bits |= uint64(x.lut[c]) << uint(k&63)
			}
			out[w] = bits
		}
	}
}

// failed looks for a row whose entry failed and lets the code fail on it.
func (s *State) failed(i int, x *lifted, codes []uint32) error {
	f := &s.frames[i]
	for r, c := range codes {
		if !f.checked(r) || x.entries.Valid[c>>6]>>(c&63)&1 != 0 {
			continue
		}
		d := f.in[s.p.instrs[i].lift].Dict
		one := chunk.Vec{Type: d.Values.Type, N: 1, Off: d.Values.Off[c : c+2], Str: d.Values.Str}
		g := frame{n: 1, out: &vector{}, in: slices.Clone(f.in)}
		g.in[s.p.instrs[i].lift] = &one
		g.out.reset(f.out.Type, 1)
		if err := s.codes[i](&g); err != nil {
			return err
		}
	}
	return nil
}

func gather[T any](dst, src []T, idx []uint32) {
	dst = dst[:len(idx)]
	for i, j := range idx {
		dst[i] = src[j]
	}
}

// gatherWidth gathers fixed-width values.
func gatherWidth(out *vector, src *vector, idx []uint32) {
	switch src.Type.Width() {
	case 1:
		gather(fixed[uint8](out), chunk.Values[uint8](&src.Vec), idx)
	case 2:
		gather(fixed[uint16](out), chunk.Values[uint16](&src.Vec), idx)
	case 4:
		gather(fixed[uint32](out), chunk.Values[uint32](&src.Vec), idx)
	case 8:
		gather(fixed[uint64](out), chunk.Values[uint64](&src.Vec), idx)
	case 16:
		gather(fixed[[16]byte](out), chunk.Values[[16]byte](&src.Vec), idx)
	}
}
