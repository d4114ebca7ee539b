package group

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A codedView gives the values of packed keys: codes of the columns, integers by
// the layout. Any number of goroutines may use one.
type codedView struct {
	layout *codedLayout
	cols   []*column
	dicts  []*chunk.Dict // of text columns with few values: they are given out as codes
}

// maxDict bounds the dictionaries of the output, which are not budgeted.
const maxDict = 1 << 17

// makeDict makes the output's dictionary of column i.
func (v *codedView) makeDict(i int) {
	c := v.cols[i]
	n := c.len()
	if v.layout.cols[i].raw || !c.t.Kind.IsVar() || n > maxDict {
		return
	}
	val := chunk.Vec{Type: c.t, N: n, Off: make([]int32, 1, n+1)}
	var short [16]byte
	for code := range uint32(n) {
		if code+1 != c.texts.null {
			val.Str = append(val.Str, c.texts.text(code, &short)...)
		}
		if len(val.Str) > 64*maxDict {
			return
		}
		val.Off = append(val.Off, int32(len(val.Str)))
	}
	v.dicts[i] = chunk.NewDict(val)
}

// emitCodes gives the codes of text column i.
func (v *codedView) emitCodes(i int, codes []uint32, o *outVec) {
	o.begin(v.cols[i].t, len(codes))
	copy(o.codes(v.dicts[i], len(codes)), codes)
	if null := v.cols[i].texts.null; null != 0 {
		for j, x := range codes {
			if x+1 == null {
				o.setNull(j)
			}
		}
	}
}

// hash writes the canonical hash of every word.
func (v *codedView) hash(words []uint64, out []uint64) {
	for j, w := range words {
		var h uint64
		for i := range v.layout.cols {
			c := &v.layout.cols[i]
			f := w >> (c.shift & 63) & (1<<c.width - 1)
			x := uint64(nullHash)
			switch {
			case !c.raw:
				x = v.cols[i].hash(uint32(f))
			case !c.null || f > 0:
				x = kernel.HashKey(f + c.lo - c.first())
			}
			if i > 0 {
				x = combine(h, x)
			}
			h = x
		}
		out[j] = h
	}
}

// emit writes the keys of words to o, a column each. codes is scratch.
func (v *codedView) emit(words []uint64, o []outVec, codes []uint32) {
	for i := range v.layout.cols {
		c := &v.layout.cols[i]
		m := uint64(1)<<c.width - 1
		if !c.raw {
			codes := codes[:len(words)]
			for j, w := range words {
				codes[j] = uint32(w >> (c.shift & 63) & m)
			}
			if v.dicts != nil && v.dicts[i] != nil {
				v.emitCodes(i, codes, &o[i])
			} else {
				v.cols[i].emit(codes, &o[i])
			}
			continue
		}
		v.emitRaw(i, words, &o[i])
	}
}

func (v *codedView) emitRaw(i int, words []uint64, o *outVec) {
	c := &v.layout.cols[i]
	t := v.cols[i].t
	n := len(words)
	m, base := uint64(1)<<c.width-1, c.lo-c.first()
	o.begin(t, n)
	if c.null {
		for j, w := range words {
			if w>>(c.shift&63)&m == 0 {
				o.setNull(j)
			}
		}
	}
	switch t.Width() {
	case 1:
		place(words, fixedOut[uint8](o, n), c.shift, m, base)
	case 2:
		place(words, fixedOut[uint16](o, n), c.shift, m, base)
	case 4:
		place(words, fixedOut[uint32](o, n), c.shift, m, base)
	case 8:
		place(words, fixedOut[uint64](o, n), c.shift, m, base)
	default:
		for j, w := range words {
			o.setBit(j, w>>(c.shift&63)&m+base == 1)
		}
	}
}

func place[T uint8 | uint16 | uint32 | uint64](words []uint64, out []T, shift uint8, m, base uint64) {
	for j, w := range words {
		out[j] = T(w>>(shift&63)&m + base)
	}
}

// A translation turns packed keys of one thread and layout into those of the
// final one.
type translation struct {
	from, to *codedLayout
	codes    []buf[uint32] // by column: the thread's code → the final one; empty for integers
	same     bool
}

// words translates in into out.
func (t *translation) words(in, out []uint64) {
	if t.same {
		copy(out, in)
		return
	}
	clear(out)
	for i := range t.to.cols {
		f, c := &t.from.cols[i], &t.to.cols[i]
		m := uint64(1)<<f.width - 1
		switch lut := t.codes[i].s; {
		case !c.raw && lut != nil:
			for j, w := range in {
				out[j] |= uint64(lut[w>>(f.shift&63)&m]) << (c.shift & 63)
			}
		case !c.raw:
			for j, w := range in {
				out[j] |= w >> (f.shift & 63) & m << (c.shift & 63)
			}
		default:
			d := f.lo - f.first() - c.lo + c.first()
			for j, w := range in {
				x := w >> (f.shift & 63) & m
				if f.null && x == 0 {
					continue
				}
				out[j] |= (x + d) << (c.shift & 63)
			}
		}
	}
}

// A codedFinish finishes the records and tables of all threads of a task, part by
// part.
type codedFinish struct {
	s    *stage
	view codedView
	rows []*codedRows
	maps [][]buf[uint32] // by thread and column, for coded columns
	tabs []codedTable
	held int64 // reserved for tabs
}

// A codedTable is a table that was filled before its thread passed rows on.
type codedTable struct {
	t     *table
	field [][]uint64 // by column: code → field of the final layout
	order []uint32   // groups by part
	start [codedParts + 1]int
}

// open unites the threads' codes. False means that memory was refused or the
// final keys do not fit: the records must go another way.
func (f *codedFinish) open() bool {
	sh := &f.s.coded
	for _, t := range f.s.tables {
		sh.off = sh.off || t.keys.rows != nil
	}
	if sh.off {
		return false
	}
	task := f.s.task
	last := sh.layouts[len(sh.layouts)-1]
	final := &codedLayout{version: -1, cols: append([]codedCol(nil), last.cols...)}
	f.maps = make([][]buf[uint32], len(f.rows))
	for i := range f.maps {
		f.maps[i] = make([]buf[uint32], len(final.cols))
	}
	f.tabs = make([]codedTable, len(f.s.tables))
	for i, t := range f.s.tables {
		f.tabs[i] = codedTable{t: t, field: make([][]uint64, len(final.cols))}
	}
	for _, t := range f.s.tables {
		f.held += 6 * int64(t.live)
		for _, c := range t.keys.cols {
			f.held += 8 * int64(c.len())
		}
	}
	if !task.Reserve(f.held) {
		f.held = 0
		return false
	}
	f.view.cols = make([]*column, len(final.cols))
	ok := make([]bool, len(final.cols))
	_ = task.Fork(len(final.cols), func(i int) error {
		ok[i] = f.column(i, &final.cols[i])
		return nil
	})
	for i := range ok {
		if !ok[i] {
			return false
		}
	}
	if !final.fit() {
		return false
	}
	f.view.layout = final
	return true
}

// column unites the values of key column i.
func (f *codedFinish) column(i int, c *codedCol) bool {
	pl := f.s.pl
	if c.raw {
		f.view.cols[i] = newColumn(pl.types[i], f.s.task)
		for k := range f.tabs {
			col := f.tabs[k].t.keys.cols[i]
			var own codedCol
			if own.setBounds(col); col.len() > 0 {
				if own.null {
					c.null = true
				}
				if col.len() > 1 || !own.null {
					c.widen(own.lo, own.hi, pl.types[i].Kind == dtype.Uint64)
				}
			}
		}
		return true
	}
	// The first table's codes become everyone's. Its column goes on to be used by
	// the records of its thread, which it numbers as before.
	into := f.base().keys.cols[i]
	f.view.cols[i] = into
	for k := 1; k < len(f.rows); k++ {
		if !f.absorb(into, f.rows[k].t.keys.cols[i], &f.maps[k][i]) {
			return false
		}
	}
	for k := range f.tabs {
		t := f.tabs[k].t
		if f.owner(t) >= 0 || t == f.base() {
			continue
		}
		var m buf[uint32]
		ok := f.absorb(into, t.keys.cols[i], &m)
		if ok {
			f.tabs[k].field[i] = make([]uint64, t.keys.cols[i].len())
			widen(m.s[:t.keys.cols[i].len()], f.tabs[k].field[i])
		}
		m.free(f.s.task)
		if !ok {
			return false
		}
	}
	c.codes = into.len()
	return true
}

// base returns the table whose codes become everyone's.
func (f *codedFinish) base() *table {
	if len(f.rows) > 0 {
		return f.rows[0].t
	}
	return f.s.tables[0]
}

// owner returns the records whose codes are the columns of t, or -1.
func (f *codedFinish) owner(t *table) int {
	for k, r := range f.rows {
		if r.t == t {
			return k
		}
	}
	return -1
}

func (f *codedFinish) absorb(into, from *column, m *buf[uint32]) bool {
	return m.grow(f.s.task, 0, from.len()+1) && into.absorb(from, m.s)
}

// prepare makes the output's dictionaries and, of the groups of every table, the fields
// of their codes and which of them belong to each part.
func (f *codedFinish) prepare() error {
	cols := len(f.view.layout.cols)
	f.view.dicts = make([]*chunk.Dict, cols)
	return f.s.task.Fork(cols+len(f.tabs), func(i int) error {
		if i < cols {
			f.view.makeDict(i)
			return nil
		}
		x := &f.tabs[i-cols]
		for c := range cols {
			f.fields(x, c)
		}
		x.divide(f.s.coded.by)
		return nil
	})
}

// fields fills the code → field map of column i.
func (f *codedFinish) fields(x *codedTable, i int) {
	c := &f.view.layout.cols[i]
	col := x.t.keys.cols[i]
	if x.field[i] != nil {
		return
	}
	out := make([]uint64, col.len())
	switch owner := f.owner(x.t); {
	case c.raw:
		base := c.lo - c.first()
		for code, k := range col.words.keys.s[:col.len()] {
			if uint32(code)+1 != col.words.null {
				out[code] = k - base
			}
		}
	case owner > 0:
		widen(f.maps[owner][i].s[:len(out)], out)
	default:
		for code := range out {
			out[code] = uint64(code)
		}
	}
	x.field[i] = out
}

// divide sorts the groups of a table by part.
func (x *codedTable) divide(by []int) {
	n := x.t.live
	k := x.t.keys
	part := make([]uint8, n)
	gid := make([]uint32, lapRows)
	for lo := 0; lo < n; lo += lapRows {
		g := gid[:min(lapRows, n-lo)]
		for i := range g {
			g[i] = uint32(lo + i)
		}
		k.columnsOf(g)
		for i := range g {
			var h uint64
			for j, c := range by {
				v := k.cols[c].hash(k.codes[c][i])
				if j > 0 {
					v = combine(h, v)
				}
				h = v
			}
			part[lo+i] = uint8(h >> 56)
			x.start[h>>56+1]++
		}
	}
	for p := range codedParts {
		x.start[p+1] += x.start[p]
	}
	next := x.start
	x.order = make([]uint32, n)
	for g, p := range part {
		x.order[next[p]] = uint32(g)
		next[p]++
	}
}

// close frees what the finish made; the records and tables are their owners'.
func (f *codedFinish) close() {
	f.s.task.Release(f.held)
	for _, m := range f.maps {
		for i := range m {
			m[i].free(f.s.task)
		}
	}
}

// run finishes every part, on as many threads as there are. Groups of parts that
// do not fit go to the stage's file.
func (f *codedFinish) run(put func(*chunk.Batch) error) error {
	if err := f.prepare(); err != nil {
		return err
	}
	workers := make(chan *codedWorker, codedParts)
	err := f.s.task.Fork(codedParts, func(p int) error {
		var w *codedWorker
		select {
		case w = <-workers:
		default:
			w = newCodedWorker(f)
		}
		err := w.part(p, put)
		workers <- w
		return err
	})
	close(workers)
	for w := range workers {
		w.t.free()
	}
	return err
}

// A codedWorker finishes parts on one goroutine.
type codedWorker struct {
	f    *codedFinish
	t    *table
	fin  *finisher
	out  []outVec
	word []uint64
	old  []uint64
	sp   spreader
}

func newCodedWorker(f *codedFinish) *codedWorker {
	w := &codedWorker{f: f, t: newTable(f.s.pl, f.s.task), fin: newFinisher(f.s.pl, f.s.task), out: make([]outVec, len(f.s.pl.args)), word: make([]uint64, lapRows), old: make([]uint64, lapRows)}
	w.t.keys.view = &f.view
	return w
}

// part finishes one part.
func (w *codedWorker) part(p int, put func(*chunk.Batch) error) error {
	t := w.t
	t.reset()
	spilled := false
	take := func(try func() (bool, error)) error {
		ok, err := try()
		if ok || err != nil {
			return err
		}
		if !spilled {
			w.f.s.task.Count("parts spilled", 1)
		}
		spilled = true
		if err := w.f.s.write(t, &w.sp); err != nil {
			return err
		}
		t.free()
		if ok, err = try(); !ok && err == nil {
			err = t.errMemory()
		}
		return err
	}
	for k := range w.f.tabs {
		x := &w.f.tabs[k]
		for lo := x.start[p]; lo < x.start[p+1]; lo += lapRows {
			src := x.order[lo:min(x.start[p+1], lo+lapRows)]
			if err := take(func() (bool, error) { return w.join(x, src) }); err != nil {
				return err
			}
		}
	}
	for k, r := range w.f.rows {
		if err := w.records(k, r, p, take); err != nil {
			return err
		}
	}
	if spilled || t.bytes() > outRoom && !hasRoom(w.f.s.task) {
		err := w.f.s.write(t, &w.sp)
		t.free()
		return err
	}
	return w.fin.give(t, put)
}

// join takes groups of a table.
func (w *codedWorker) join(x *codedTable, src []uint32) (bool, error) {
	k := x.t.keys
	k.columnsInto(src, w.old, w.t.keys.codes)
	words := w.word[:len(src)]
	clear(words)
	for i := range k.cols {
		c := &w.f.view.layout.cols[i]
		for j, code := range w.t.keys.codes[i][:len(src)] {
			words[j] |= x.field[i][code] << (c.shift & 63)
		}
	}
	gid := w.t.lap.gid
	if !codeWords(&w.t.keys.packed, words, gid) {
		return false, nil
	}
	return w.t.joinStates(gid[:len(src)], x.t, src)
}

// records takes the records of one thread.
func (w *codedWorker) records(k int, r *codedRows, p int, take func(func() (bool, error)) error) error {
	t := translation{to: w.f.view.layout, codes: w.f.maps[k]}
	l := w.t.lap
	for _, i := range r.parts[p] {
		b := &r.blocks[i]
		from := w.f.s.coded.layouts[b.version]
		if t.from != from {
			t.from, t.same = from, k == 0 && sameFields(from, t.to)
		}
		err := r.each(b, func(rec []uint64, n int) error {
			pick(rec, 0, r.size, w.word[:n])
			if !t.same {
				copy(w.old, w.word[:n])
				t.words(w.old[:n], w.word[:n])
			}
			r.args(rec, n, l, w.out)
			return take(func() (bool, error) { return w.t.takeWords(l, w.word[:n]), nil })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sameFields reports that two layouts pack keys alike.
func sameFields(a, b *codedLayout) bool {
	for i := range a.cols {
		x, y := &a.cols[i], &b.cols[i]
		if x.shift != y.shift || x.width != y.width || x.raw && (x.lo != y.lo || x.null != y.null) {
			return false
		}
	}
	return true
}

// unpackTo gives all records back as laps of rows, slab by slab.
func (r *codedRows) unpackTo(l *lap, f func(l *lap) error) error {
	r.seal()
	keys, args := make([]outVec, len(r.pl.keys)), make([]outVec, len(r.pl.args))
	word, codes := make([]uint64, lapRows), make([]uint32, lapRows)
	view := codedView{cols: r.t.keys.cols}
	// Memory is short: what is not needed any more goes back at once.
	for len(r.slabs) > r.cut {
		last := len(r.slabs) - 1
		r.t.mem.Free(r.slabs[last])
		r.slabs = r.slabs[:last]
	}
	for i := range r.blocks {
		b := &r.blocks[i]
		view.layout = r.shared.layout(b.version)
		err := r.each(b, func(rec []uint64, n int) error {
			pick(rec, 0, r.size, word[:n])
			view.emit(word[:n], keys, codes)
			for k := range keys {
				l.keys[k] = keys[k].vec()
			}
			r.args(rec, n, l, args)
			return f(l)
		})
		if err != nil {
			return err
		}
		if per := codedSlab / 8 / codedBlockWords; (i+1)%per == 0 {
			r.t.mem.Free(r.slabs[i/per])
			r.slabs[i/per] = nil
		}
	}
	r.close()
	return nil
}

func (s *codedShared) layout(version int) *codedLayout {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.layouts[version]
}
