package expr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// maxText bounds one text that a function makes longer.
const maxText = 16 << 20

func bindTextLen(b *binding) (code, error) {
	chars := b.fn == "str.len"
	b.vectors()
	return func(f *frame) error {
		x := textsOf(f.in[0])
		f.eachInt(func(i int) int64 {
			if chars {
				return int64(utf8.RuneCount(x.at(i)))
			}
			return int64(len(x.at(i)))
		})
		return nil
	}, nil
}

var textTests = map[string]func(x, y []byte) bool{"str.contains": bytes.Contains, "str.starts_with": bytes.HasPrefix, "str.ends_with": bytes.HasSuffix}

func bindTextTest(b *binding) (code, error) {
	test := textTests[b.fn]
	if y := b.lit(1); y != nil && b.fn == "str.contains" {
		return containing(b, []byte(y.S), nil), nil
	}
	return func(f *frame) error {
		x, y := f.text(b, 0), f.text(b, 1)
		f.eachBit(func(i int) bool { return test(x.at(i), y.at(i)) })
		return nil
	}, nil
}

func bindFind(b *binding) (code, error) {
	return func(f *frame) error {
		x, y := f.text(b, 0), f.text(b, 1)
		f.eachInt(func(i int) int64 {
			t := x.at(i)
			at := bytes.Index(t, y.at(i))
			if at < 0 {
				return -1
			}
			return int64(utf8.RuneCount(t[:at]))
		})
		return nil
	}, nil
}

func bindTextMap(b *binding) (code, error) {
	var add func(dst, x []byte) []byte
	switch b.fn {
	case "str.upper":
		add = func(dst, x []byte) []byte { return appendMapped(dst, x, 'a', 'z', unicode.ToUpper) }
	case "str.lower":
		add = func(dst, x []byte) []byte { return appendMapped(dst, x, 'A', 'Z', unicode.ToLower) }
	case "str.title":
		add = appendTitle
	case "str.reverse":
		add = appendReversed
	case "str.trim":
		add = func(dst, x []byte) []byte { return append(dst, bytes.TrimSpace(x)...) }
	case "str.trim_left":
		add = func(dst, x []byte) []byte { return append(dst, bytes.TrimLeftFunc(x, unicode.IsSpace)...) }
	case "str.trim_right":
		add = func(dst, x []byte) []byte { return append(dst, bytes.TrimRightFunc(x, unicode.IsSpace)...) }
	}
	return func(f *frame) error {
		x := f.text(b, 0)
		return f.eachText(func(dst []byte, i int) ([]byte, error) { return add(dst, x.at(i)), nil })
	}, nil
}

// appendMapped maps characters; bytes that are not UTF-8 stay. ASCII letters from lo to hi
// change their case bit.
func appendMapped(dst, x []byte, lo, hi byte, m func(rune) rune) []byte {
	start := len(dst)
	dst = append(dst, x...)
	low, done := dst[start:], 0
	for ; done+8 <= len(low); done += 8 { // eight letters at a time, while all are ASCII
		w := binary.LittleEndian.Uint64(low[done:])
		if w&0x8080808080808080 != 0 {
			break
		}
		const ones = 0x0101010101010101
		// The high bit of a byte says: at least lo, and not beyond hi.
		in := (w + ones*uint64(0x80-lo)) &^ (w + ones*uint64(0x7f-hi)) & (ones * 0x80)
		binary.LittleEndian.PutUint64(low[done:], w^in>>2)
	}
	start += done
	x = x[done:]
	for i, c := range dst[start:] {
		if c >= utf8.RuneSelf {
			return appendMappedRunes(dst[:start+i], x[i:], m)
		}
		if c-lo <= hi-lo {
			dst[start+i] = c ^ 0x20
		}
	}
	return dst
}

func appendMappedRunes(dst, x []byte, m func(rune) rune) []byte {
	for len(x) > 0 {
		r, n := utf8.DecodeRune(x)
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, x[0])
		} else {
			dst = utf8.AppendRune(dst, m(r))
		}
		x = x[n:]
	}
	return dst
}

// tooLong is the error of a text that would pass maxText.
func (f *frame) tooLong(i int, n int64) error {
	return f.fail(i, "a text of %d bytes; at most %d", n, maxText)
}

func bindReplace(b *binding) (code, error) {
	return func(f *frame) error {
		x, old, to := f.text(b, 0), f.text(b, 1), f.text(b, 2)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			t, o, r := x.at(i), old.at(i), to.at(i)
			if len(o) == 0 {
				return append(dst, t...), nil
			}
			if len(r) > len(o) {
				if n := int64(len(t)) + int64(bytes.Count(t, o))*int64(len(r)-len(o)); n > maxText {
					return dst, f.tooLong(i, n)
				}
			}
			for {
				at := bytes.Index(t, o)
				if at < 0 {
					return append(dst, t...), nil
				}
				dst = append(append(dst, t[:at]...), r...)
				t = t[at+len(o):]
			}
		})
	}, nil
}

// integer returns argument k as an int64 column or constant.
func (f *frame) integer(b *binding, k int) func(i int) int64 {
	if l := b.lit(k); l != nil {
		return func(int) int64 { return l.I }
	}
	x := chunk.Values[int64](f.in[k])
	return func(i int) int64 { return x[i] }
}

// skip returns the position of character n, at most len(x).
func skip(x []byte, n int64) int {
	at := 0
	for ; n > 0 && at < len(x); n-- {
		if x[at] < utf8.RuneSelf {
			at++
			continue
		}
		_, size := utf8.DecodeRune(x[at:])
		at += size
	}
	return at
}

func bindTextSlice(b *binding) (code, error) {
	return func(f *frame) error {
		x, start, n := f.text(b, 0), f.integer(b, 1), f.integer(b, 2)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			t, from, count := x.at(i), start(i), n(i)
			if count <= 0 {
				return dst, nil
			}
			if from < 0 { // counted from the end; what lies before the text is lost
				from += int64(utf8.RuneCount(t))
				if from < 0 {
					count += from
					from = 0
				}
			}
			if count <= 0 {
				return dst, nil
			}
			t = t[skip(t, from):]
			return append(dst, t[:skip(t, count)]...), nil
		})
	}, nil
}

func bindConcat(b *binding) (code, error) {
	parts := make([]texts, len(b.In))
	return func(f *frame) error {
		for k := range parts {
			parts[k] = f.text(b, k)
		}
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			start := len(dst)
			for k := range parts {
				dst = append(dst, parts[k].at(i)...)
				if len(dst)-start > maxText {
					return dst[:start], f.tooLong(i, int64(len(dst)-start))
				}
			}
			return dst, nil
		})
	}, nil
}

func bindSplitPart(b *binding) (code, error) {
	return func(f *frame) error {
		x, sep, part := f.text(b, 0), f.text(b, 1), f.integer(b, 2)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			t, s, p := x.at(i), sep.at(i), part(i)
			for ok := p >= 0 && len(s) > 0; ok; p-- {
				var head []byte
				if head, t, ok = bytes.Cut(t, s); p == 0 {
					return append(dst, head...), nil
				}
			}
			f.out.setNull(i)
			return dst, nil
		})
	}, nil
}

func bindRepeat(b *binding) (code, error) {
	return func(f *frame) error {
		x, n := f.text(b, 0), f.integer(b, 1)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			t, k := x.at(i), n(i)
			if len(t) == 0 || k <= 0 {
				return dst, nil
			}
			if k > maxText || k*int64(len(t)) > maxText {
				return dst, f.fail(i, "a text of %d times %d bytes; at most %d", k, len(t), maxText)
			}
			for range k {
				dst = append(dst, t...)
			}
			return dst, nil
		})
	}, nil
}

func bindPad(b *binding) (code, error) {
	char := []byte(b.Args[2].Lit.S)
	front := b.fn == "str.pad_start"
	return func(f *frame) error {
		x, n := f.text(b, 0), f.integer(b, 1)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			t, missing := x.at(i), n(i)
			if missing > 0 {
				missing -= int64(utf8.RuneCount(t))
			}
			if missing > maxText || int64(len(t))+max(missing, 0)*int64(len(char)) > maxText {
				return dst, f.fail(i, "a text of more than %d bytes", maxText)
			}
			if !front {
				dst = append(dst, t...)
			}
			for range missing {
				dst = append(dst, char...)
			}
			if front {
				dst = append(dst, t...)
			}
			return dst, nil
		})
	}, nil
}

// bindParseTime reads dates and timestamps by a layout.
func bindParseTime(b *binding) (code, error) {
	layout := b.Args[1].Lit.S
	date := b.Out.Kind == dtype.Date
	format, err := newTimeFormat(layout)
	if err != nil {
		return nil, err
	}
	read := func(s string) (int64, bool) {
		t, err := time.Parse(layout, s)
		if err != nil {
			return 0, false
		}
		if date {
			return floorDiv(t.Unix(), secondsPerDay), true
		}
		return t.UnixMicro(), true
	}
	switch {
	case format.items != nil:
		read = func(s string) (int64, bool) {
			sec, nano, ok := format.parse(s)
			if date {
				return floorDiv(sec, secondsPerDay), ok
			}
			return sec*1e6 + nano/1e3, ok
		}
	case layout == time.DateOnly && date: // the same result without package time
		read = func(s string) (int64, bool) {
			day, rest, ok := parseDate(s)
			return day, ok && rest == ""
		}
	}
	return func(f *frame) error {
		x := f.text(b, 0)
		f.out.allocate()
		for i := range f.n {
			if f.null(i) {
				store(f.out, i, Literal{})
				continue
			}
			v, ok := read(x.view(i))
			store(f.out, i, Literal{I: v})
			if !ok {
				if err := f.fail(i, "%s does not fit the layout %q", f.valueAt(b, 0, i), layout); err != nil {
					return err
				}
			}
		}
		return nil
	}, nil
}

// bindCoalesce takes the first value that is not null.
func bindCoalesce(b *binding) (code, error) {
	b.vectors()
	kind := b.Out.Kind
	picks := pickFrom{}
	return func(f *frame) error {
		if len(f.in) == 2 && kind != dtype.Bool && !kind.IsVar() {
			return fillNulls(f)
		}
		picks.reset(f.n)
		need := words(&picks.need, chunk.Words(f.n)) // rows without a value yet
		for i := range need {
			need[i] = ^uint64(0)
		}
		for k, v := range f.in {
			take := words(&picks.take, len(need))
			for i := range take {
				take[i] = need[i]
				if v.Valid != nil {
					take[i] &= v.Valid[i]
					need[i] &^= v.Valid[i]
				} else {
					need[i] = 0
				}
			}
			picks.from(k, take)
		}
		return picks.build(f, kind, f.in, need)
	}, nil
}

// fillNulls is coalesce of two fixed-width columns.
func fillNulls(f *frame) error {
	x, y := f.in[0], f.in[1]
	f.out.allocate()
	copy(f.out.Data, x.Data)
	if x.Valid == nil {
		f.out.Valid = nil
		return nil
	}
	switch f.out.Type.Width() {
	case 1:
		fillFrom[uint8](f)
	case 2:
		fillFrom[uint16](f)
	case 4:
		fillFrom[uint32](f)
	case 8:
		fillFrom[uint64](f)
	default:
		fillFrom[[16]byte](f)
	}
	f.out.Valid = nil
	if y.Valid != nil {
		f.out.Valid = words(&f.out.valid, chunk.Words(f.n))
		kernel.Or(f.out.Valid, x.Valid[:len(f.out.Valid)], y.Valid[:len(f.out.Valid)])
	}
	return nil
}

func fillFrom[T chunk.Fixed](f *frame) {
	out, y := chunk.Values[T](&f.out.Vec), chunk.Values[T](f.in[1])
	for w, valid := range f.in[0].Valid[:chunk.Words(f.n)] {
		for null := ^valid; null != 0; null &= null - 1 {
			if i := w*64 + bits.TrailingZeros64(null); i < len(out) {
				out[i] = y[i]
			}
		}
	}
}

// bindWhen takes the value of the first condition that is true.
func bindWhen(b *binding) (code, error) {
	b.vectors()
	kind := b.Out.Kind
	picks := pickFrom{}
	if d := branchDict(b); d != nil {
		return d.code(&picks), nil
	}
	values := make([]*chunk.Vec, 0, len(b.In))
	return func(f *frame) error {
		values = picks.branches(f, values[:0])
		return picks.build(f, kind, values, picks.need)
	}, nil
}

// branches picks among the values of a conditional, which it appends to values.
func (p *pickFrom) branches(f *frame, values []*chunk.Vec) []*chunk.Vec {
	p.reset(f.n)
	need := words(&p.need, chunk.Words(f.n))
	p.need = need
	for i := range need {
		need[i] = ^uint64(0)
	}
	for k := 0; k+1 < len(f.in); k += 2 {
		cond := f.in[k].Bits()
		take := words(&p.take, len(need))
		for i := range take {
			take[i] = need[i] & cond[i]
			if v := f.in[k].Valid; v != nil {
				take[i] &= v[i]
			}
			need[i] &^= take[i]
		}
		p.from(k/2, take)
		values = append(values, f.in[k+1])
	}
	if len(f.in)%2 == 1 {
		p.from(len(values), need)
		values = append(values, f.in[len(f.in)-1])
		clear(need)
	}
	return values
}

// A branchDictionary is for conditionals all of whose values are constant text:
// the result is a dictionary vector.
type branchDictionary struct {
	dict  *chunk.Dict
	codes []uint32 // of each value
	nulls []bool
}

func branchDict(b *binding) *branchDictionary {
	if b.Out.Kind != dtype.Utf8 {
		return nil
	}
	var values []*Literal
	for i, a := range b.Args {
		if i%2 == 1 || i == len(b.Args)-1 {
			if a.Lit == nil {
				return nil
			}
			values = append(values, a.Lit)
		}
	}
	return b.share(func() any { return newBranchDict(b.Out, values) }).(*branchDictionary)
}

func newBranchDict(t dtype.Type, values []*Literal) *branchDictionary {
	d := &branchDictionary{codes: make([]uint32, len(values)), nulls: make([]bool, len(values))}
	seen := map[string]uint32{}
	dict := chunk.Vec{Type: t, Off: []int32{0}}
	for i, l := range values {
		c, ok := seen[l.S]
		if !ok {
			c = uint32(dict.N)
			seen[l.S] = c
			dict.Str = append(dict.Str, l.S...)
			dict.Off = append(dict.Off, int32(len(dict.Str)))
			dict.N++
		}
		d.codes[i], d.nulls[i] = c, l.Null
	}
	d.dict = chunk.NewDict(dict)
	d.dict.Whole = true
	return d
}

func (d *branchDictionary) code(p *pickFrom) code {
	values := make([]*chunk.Vec, 0, len(d.codes))
	return func(f *frame) error {
		values = p.branches(f, values[:0])
		out := fixed[uint32](f.out)
		f.out.Dict = d.dict
		null := p.need
		for i := range out {
			k := p.pick[i]
			if null[i>>6]>>(uint(i)&63)&1 != 0 {
				k = 0
			} else if d.nulls[k] {
				null[i>>6] |= 1 << (uint(i) & 63)
			}
			out[i] = d.codes[k]
		}
		f.out.nullWhere(null)
		return nil
	}
}

// nullWhere makes the values null whose bits are set.
func (v *vector) nullWhere(null []uint64) {
	valid := v.ownValid()
	any := uint64(0)
	for i, w := range null[:len(valid)] {
		if i == len(valid)-1 && v.N&63 != 0 {
			w &= 1<<uint(v.N&63) - 1
		}
		valid[i] &^= w
		any |= w
	}
	if any == 0 {
		v.Valid = nil
	}
}

// pickFrom assembles a column from several, row by row.
type pickFrom struct {
	need, take []uint64
	pick       []uint16 // which of the columns a row comes from
}

func (p *pickFrom) reset(n int) {
	if cap(p.pick) < n {
		p.pick = make([]uint16, n+n/4)
	}
	p.pick = p.pick[:n]
}

// from notes that the rows in take come from column k.
func (p *pickFrom) from(k int, take []uint64) {
	for w, bits := range take {
		block := p.pick[w*64 : min(w*64+64, len(p.pick))]
		switch {
		case bits == ^uint64(0):
			for i := range block {
				block[i] = uint16(k)
			}
		case bits != 0:
			for i := range block {
				if bits>>(uint(i)&63)&1 != 0 {
					block[i] = uint16(k)
				}
			}
		}
	}
}

// build makes the result: null where need is set or the picked value is null.
func (p *pickFrom) build(f *frame, k dtype.Kind, values []*chunk.Vec, need []uint64) error {
	if len(values) > 1<<16 {
		return errors.New("more than 65536 alternatives")
	}
	for i := range p.pick { // rows without a value read column 0, whatever is there
		if need[i>>6]>>(uint(i)&63)&1 != 0 {
			p.pick[i] = 0
		}
	}
	f.out.Valid = nil
	for _, v := range values {
		if v.Valid == nil {
			continue
		}
		for i, c := range p.pick {
			if values[c] == v && v.Valid[i>>6]>>(uint(i)&63)&1 == 0 {
				need[i>>6] |= 1 << (uint(i) & 63)
			}
		}
	}
	f.out.nullWhere(need)
	switch {
	case k == dtype.Bool:
		out := f.out.bits()
		clear(out)
		for i, c := range p.pick {
			out[i>>6] |= values[c].Bits()[i>>6] & (1 << (uint(i) & 63))
		}
	case k.IsVar():
		return p.text(f, values)
	default:
		return p.fixed(f, values)
	}
	return nil
}

func (p *pickFrom) text(f *frame, values []*chunk.Vec) error {
	if d := values[0].Dict; d != nil {
		same := true
		for _, v := range values {
			same = same && v.Dict != nil && v.Dict.ID == d.ID
		}
		if same {
			f.out.Dict = d
			pickInto(fixed[uint32](f.out), p.pick, values)
			return nil
		}
	}
	from := make([]texts, len(values))
	for k, v := range values {
		from[k] = textsOf(v)
	}
	return f.eachText(func(dst []byte, i int) ([]byte, error) { return append(dst, from[p.pick[i]].at(i)...), nil })
}

func (p *pickFrom) fixed(f *frame, values []*chunk.Vec) error {
	switch f.out.Type.Width() {
	case 1:
		pickInto(fixed[uint8](f.out), p.pick, values)
	case 2:
		pickInto(fixed[uint16](f.out), p.pick, values)
	case 4:
		pickInto(fixed[uint32](f.out), p.pick, values)
	case 8:
		pickInto(fixed[uint64](f.out), p.pick, values)
	case 16:
		pickInto(fixed[[16]byte](f.out), p.pick, values)
	default:
		return fmt.Errorf("%s has no alternatives", f.out.Type)
	}
	return nil
}

func pickInto[T chunk.Fixed](out []T, pick []uint16, values []*chunk.Vec) {
	if len(values) == 2 { // the common case without a table
		x, y := chunk.Values[T](values[0]), chunk.Values[T](values[1])
		for i, c := range pick {
			v := x[i]
			if c != 0 {
				v = y[i]
			}
			out[i] = v
		}
		return
	}
	for i, c := range pick {
		out[i] = chunk.Values[T](values[c])[i]
	}
}
