package group

import (
	"fmt"
	"math"
	"math/big"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/quantile"
	"github.com/weft-data/weft/op"
)

// A finisher turns the groups of tables into output batches.
type finisher struct {
	pl   *plan
	task op.Task
	cols []outVec
	keys []outVec
	gid  []uint32
	out  chunk.Batch
	rd   *rowReader
	lap  *lap

	forks bool // the threads of the task have nothing else to do
}

func newFinisher(pl *plan, t op.Task) *finisher {
	return &finisher{pl: pl, task: t, cols: make([]outVec, len(pl.outs)), keys: make([]outVec, len(pl.keys)), gid: make([]uint32, outRows)}
}

// all gives every group of t to put, in batches that live until put returns.
// False means that memory was refused before anything was given.
func (f *finisher) all(t *table, put func(*chunk.Batch) error) (bool, error) {
	n := t.live
	if t.whole {
		n = 1
		if !t.grow(1) {
			return false, nil
		}
	}
	for _, p := range t.parts {
		if m, ok := p.(*medianPart); ok {
			if ok, err := m.order(f.task.Context()); !ok || err != nil {
				return ok, err
			}
		}
	}
	if f.pl.p.Top != nil {
		return true, f.top(t, n, put)
	}
	defer f.release()
	for lo := 0; lo < n; {
		gid := f.gid[:t.several(lo, min(outRows, n-lo))]
		for i := range gid {
			gid[i] = uint32(lo + i)
		}
		if err := f.groups(t, gid, put); err != nil {
			return true, err
		}
		lo += len(gid)
	}
	return true, nil
}

// release gives back the memory of large values.
func (f *finisher) release() {
	for i := range f.cols {
		f.cols[i].release(f.task)
	}
}

// give is all where nothing else can be done when memory is refused.
func (f *finisher) give(t *table, put func(*chunk.Batch) error) error {
	ok, err := f.all(t, put)
	if err == nil && !ok {
		err = t.errMemory()
	}
	return err
}

// outBytes bounds the bytes of large values that are given out at a time, unless one
// alone has more.
const outBytes = 2 << 20

// several returns how many groups from lo on, at most n, may be given out at a time.
func (t *table) several(lo, n int) int {
	for _, s := range t.sizers {
		sum := int64(0)
		for i := range n {
			if sum += s.size(uint32(lo + i)); sum > outBytes && i > 0 {
				n = i
				break
			}
		}
	}
	return n
}

// groups gives the listed groups, at most outRows.
func (f *finisher) groups(t *table, gid []uint32, put func(*chunk.Batch) error) error {
	t.keys.emit(gid, f.keys)
	for i, o := range f.pl.outs {
		switch {
		case o.key >= 0:
			continue
		default:
			if err := f.agg(t, &f.pl.aggs[o.agg], o.field.Type, gid, &f.cols[i]); err != nil {
				return err
			}
		}
	}
	return f.put(len(gid), put)
}

func (f *finisher) put(n int, put func(*chunk.Batch) error) error {
	f.out.Cols, f.out.N = f.out.Cols[:0], n
	for i, o := range f.pl.outs {
		if o.key >= 0 {
			f.out.Cols = append(f.out.Cols, f.keys[o.key].vec())
		} else {
			f.out.Cols = append(f.out.Cols, f.cols[i].vec())
		}
	}
	return put(&f.out)
}

// agg computes one aggregate of the listed groups.
func (f *finisher) agg(t *table, a *aggPlan, rt dtype.Type, gid []uint32, o *outVec) error {
	o.begin(rt, len(gid))
	if len(a.parts) == 0 { // a column of nothing but nulls
		return f.nothing(a, o)
	}
	p := t.parts[a.parts[0]]
	switch a.fn {
	case Len, Count, CountDistinct:
		for i, g := range gid {
			fixedOut[int64](o, len(gid))[i] = countOf(p, g)
		}
		return nil
	case Var, Std, Corr, Cov:
		f.moments(a, p.(*momentsPart), gid, o)
		return nil
	case Median, Quantile:
		return f.median(a, p.(*medianPart), gid, o)
	case Skew, Kurtosis:
		d := fixedOut[float64](o, len(gid))
		for i, g := range gid {
			x, ok := t.shape(a, g)
			putFloat(o, d, i, x, ok)
		}
		return nil
	case Mode, ApproxQuantile, ApproxCountDistinct, List, StringJoin:
		return f.gathered(a, p, gid, o)
	case ArgMin, ArgMax, First, Last:
		f.pick(a, p.(*pickPart), gid, o)
		return nil
	case Any, All:
		for i, g := range gid {
			had := t.had(a.arg, g)
			o.setBit(i, had && p.(*extremePart).word(g, 0) != 0 || !had && a.fn == All)
		}
		return nil
	}
	for i, g := range gid {
		if !t.had(a.arg, g) {
			o.setNull(i)
		}
	}
	switch a.fn {
	case Sum:
		return f.sum(t, a, p, gid, o)
	case Mean:
		f.mean(t, a, p, gid, o)
	default:
		f.extreme(a, p, gid, o)
	}
	return nil
}

// nothing is an aggregate of a column in which every value is null.
func (f *finisher) nothing(a *aggPlan, o *outVec) error {
	n := o.v.N
	switch a.fn {
	case Count, CountDistinct, ApproxCountDistinct:
		clear(fixedOut[int64](o, n))
	case Any:
	case All:
		for i := range n {
			o.setBit(i, true)
		}
	default:
		if o.v.Type.Kind.IsVar() {
			for range n {
				o.addText(nil)
			}
		}
		clear(o.data[:n*o.v.Type.Width()])
		for i := range n {
			if o.v.Type.Kind != dtype.Null {
				o.setNull(i)
			}
		}
	}
	return nil
}

func countOf(p part, g uint32) int64 {
	switch p := p.(type) {
	case *lenPart:
		return p.word(g, 0)
	case *distinctPart:
		return p.word(g, 0)
	case *foundPart:
		return p.word(g, 0)
	}
	return 0
}

func (f *finisher) sum(t *table, a *aggPlan, p part, gid []uint32, o *outVec) error {
	switch p := p.(type) {
	case *floatSumPart:
		d := fixedOut[float64](o, len(gid))
		unit, accs := p.unit(), p.accs()
		for i, g := range gid {
			d[i] = p.value(*accs.At(g), g, unit)
		}
	case *decSumPart:
		return f.decSum(a, p, gid, o)
	case *intSumPart:
		d := fixedOut[uint64](o, len(gid))
		signed := o.v.Type.Kind != dtype.Uint64
		for i, g := range gid {
			s := p.total(g)
			_, ok := s.Int64()
			if !signed {
				_, ok = s.Uint64()
			}
			if !ok {
				return a.overflow(o.v.Type)
			}
			d[i] = s.Lo
		}
	}
	return nil
}

// overflow names the column, or the aggregate when its argument is an expression.
func (a *aggPlan) overflow(t dtype.Type) error {
	return fmt.Errorf("sum of column %s overflows %s; cast it to float64 first", a.col, t)
}

var tenTo38 = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)

func (f *finisher) decSum(a *aggPlan, p *decSumPart, gid []uint32, o *outVec) error {
	d := o.fixed16(len(gid))
	for i, g := range gid {
		d[i] = key16{uint64(p.word(g, 0)), uint64(p.word(g, 1))}
		if x := p.total(g); x.CmpAbs(tenTo38) >= 0 {
			return a.overflow(o.v.Type)
		}
	}
	return nil
}

// total returns the exact sum of the unscaled values.
func (p *decSumPart) total(g uint32) *big.Int {
	x := new(big.Int).SetInt64(p.word(g, 1))
	x.Lsh(x, 64)
	x.Add(x, new(big.Int).SetUint64(uint64(p.word(g, 0))))
	if c := p.carry[g]; c != 0 {
		y := big.NewInt(c)
		x.Add(x, y.Lsh(y, 128))
	}
	return x
}

func (f *finisher) mean(t *table, a *aggPlan, p part, gid []uint32, o *outVec) {
	d := fixedOut[float64](o, len(gid))
	count := t.parts[a.parts[1]]
	for i, g := range gid {
		n := countOf(count, g)
		if n == 0 {
			d[i] = 0 // null already
			continue
		}
		switch p := p.(type) {
		case *floatSumPart:
			d[i] = p.sums.Mean(*p.accs().At(g), g, n)
		case *intSumPart:
			if a.t.Kind == dtype.Duration {
				fixedOut[int64](o, len(gid))[i] = exact.WholeMeanOf(wide128(p.total(g)), n)
				continue
			}
			d[i] = intMean(p.total(g), n)
		case *decSumPart:
			d[i] = exact.MeanOf(p.total(g), n, int(a.t.Scale))
		}
	}
}

// intMean divides an exact sum, rounding once.
func intMean(s kernel.Sum128, n int64) float64 {
	if x, ok := s.Int64(); ok && x > -1<<53 && x < 1<<53 && n < 1<<53 {
		return float64(x) / float64(n)
	}
	return exact.MeanOf(wide128(s), n, 0)
}

func wide128(s kernel.Sum128) *big.Int {
	x := big.NewInt(s.Hi)
	x.Lsh(x, 64)
	return x.Add(x, new(big.Int).SetUint64(s.Lo))
}

func (f *finisher) extreme(a *aggPlan, p part, gid []uint32, o *outVec) {
	switch p := p.(type) {
	case *extremePart:
		for i, g := range gid {
			putFixed(o, i, fromOrder(a.t.Kind, p.word(g, 0)))
		}
	case *textExtremePart:
		for i, g := range gid {
			s, ok := p.get(g)
			o.addBytes(i, s, ok)
		}
	}
}

// putFixed writes value i of a column of at most 8 bytes.
func putFixed(o *outVec, i int, bits uint64) {
	n := o.v.N
	switch o.v.Type.Width() {
	case 0:
		o.setBit(i, bits != 0)
	case 1:
		fixedOut[uint8](o, n)[i] = uint8(bits)
	case 2:
		fixedOut[uint16](o, n)[i] = uint16(bits)
	case 4:
		fixedOut[uint32](o, n)[i] = uint32(bits)
	case 8:
		fixedOut[uint64](o, n)[i] = bits
	}
}

// addBytes writes value i of a text or decimal column.
func (o *outVec) addBytes(i int, s []byte, ok bool) {
	if o.v.Type.Kind == dtype.Decimal128 {
		if ok {
			o.fixed16(o.v.N)[i] = decimalOf(s)
		} else {
			o.fixed16(o.v.N)[i] = key16{}
		}
		return
	}
	o.addText(s)
}

func (f *finisher) pick(a *aggPlan, p *pickPart, gid []uint32, o *outVec) {
	for i, g := range gid {
		if p.text {
			s, ok := p.get(g)
			if !ok {
				o.setNull(i)
			}
			o.addBytes(i, s, ok)
			continue
		}
		if p.word(g, p.key+3) != 1 {
			o.setNull(i)
		}
		putFixed(o, i, uint64(p.word(g, p.key+2)))
	}
}

func (f *finisher) median(a *aggPlan, p *medianPart, gid []uint32, o *outVec) error {
	type middle struct {
		a, b int64
		part float64
		ok   bool
	}
	found := make([]middle, len(gid))
	find := func(i int) (err error) {
		m := &found[i]
		m.a, m.b, m.part, m.ok, err = p.middle(f.task.Context(), gid[i])
		return err
	}
	err := error(nil)
	if f.forks {
		err = f.task.Fork(len(gid), find)
	}
	for i := 0; i < len(gid) && !f.forks && err == nil; i++ {
		err = find(i)
	}
	if err != nil {
		return err
	}
	d := fixedOut[float64](o, len(gid))
	for i, m := range found {
		x, y, part, ok := m.a, m.b, m.part, m.ok
		if a.t.Kind == dtype.Duration {
			putFloat(o, d, i, 0, ok)
			if ok {
				fixedOut[int64](o, len(gid))[i] = quantile.Middle(x, y)
			}
			continue
		}
		putFloat(o, d, i, quantile.Between(a.t.Kind, x, y, part), ok)
	}
	return nil
}

// putFloat writes value i of a column d of floats, 0 and null when there is none.
func putFloat(o *outVec, d []float64, i int, x float64, ok bool) {
	if d[i] = x; !ok {
		d[i] = 0
		o.setNull(i)
	}
}

func (f *finisher) moments(a *aggPlan, p *momentsPart, gid []uint32, o *outVec) {
	d := fixedOut[float64](o, len(gid))
	for i, g := range gid {
		var ok bool
		var x float64
		switch a.fn {
		case Corr:
			x, ok = p.correlation(g)
		case Cov:
			x, ok = p.covariance(g)
		default:
			x, ok = varianceOf(p, g, a.fn == Std)
		}
		putFloat(o, d, i, x, ok)
	}
}

func varianceOf(p *momentsPart, g uint32, root bool) (float64, bool) {
	if x, ok := p.quickVariance(g); ok {
		if root {
			x = math.Sqrt(x)
		}
		return x, true
	}
	v, ok := p.variance(g)
	switch {
	case !ok:
		return 0, false
	case v == nil:
		return math.NaN(), true
	}
	x, _ := v.Float64()
	if !root {
		return x, true
	}
	if x > 1e-300 && x < 1e300 || x == 0 && v.Sign() == 0 {
		return math.Sqrt(x), true
	}
	x, _ = v.Sqrt(v).Float64() // the square may be out of range when its root is not
	return x, true
}

// top gives the rows that topPart kept, group by group, best first.
func (f *finisher) top(t *table, n int, put func(*chunk.Batch) error) error {
	p := t.parts[0].(*topPart)
	if f.rd == nil {
		f.rd, f.lap = newRowReader(f.pl), &lap{args: make([]chunk.Vec, len(f.pl.args))}
	}
	var str []byte
	off := []int32{0}
	gid := f.gid[:0]
	flush := func() error {
		if len(gid) == 0 {
			return nil
		}
		if err := f.rd.read(f.lap, str, off); err != nil {
			return err
		}
		t.keys.emit(gid, f.keys)
		f.out.Cols, f.out.N = f.out.Cols[:0], len(gid)
		for _, o := range f.pl.outs {
			if o.key >= 0 {
				f.out.Cols = append(f.out.Cols, f.keys[o.key].vec())
			} else {
				f.out.Cols = append(f.out.Cols, f.lap.args[f.pl.arg(o.col)])
			}
		}
		str, off, gid = str[:0], off[:1], gid[:0]
		return put(&f.out)
	}
	for g := range uint32(n) {
		for _, e := range p.sorted(g) {
			if len(gid) == lapRows || len(str) > 1<<20 {
				if err := flush(); err != nil {
					return err
				}
			}
			str = append(str, p.bytes.b.s[e.at:e.at+e.n]...)
			off = append(off, int32(len(str)))
			gid = append(gid, g)
		}
	}
	return flush()
}
