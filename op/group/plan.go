package group

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
)

// A partKind is a kind of state; an aggregate is made of one or two.
type partKind uint8

const (
	partLen partKind = iota
	partCount
	partIntSum
	partFloatSum
	partDecSum
	partMin
	partMax
	partTextMin
	partTextMax
	partFirst
	partLast
	partMoments
	partComoments
	partMedian
	partDistinct
	partTop
	partPower
	partArgMin
	partArgMax
	partCollect
	partTally
	partBuckets
	partSketch
	partFound
	partBest
)

// A partSpec is one state: its kind and the arguments it reads.
type partSpec struct {
	kind partKind
	a, b int     // positions in plan.args; of partPower b is one of exact.Terms, of what is found apart a column of the input
	q    float64 // of partMedian: which quantile
}

// An argument is an input column that states read.
type argument struct {
	col int
	t   dtype.Type
}

// An aggPlan says which states an aggregate is finished from.
type aggPlan struct {
	fn    string
	col   string // for errors
	t     dtype.Type
	arg   int // -1 for len
	parts []int
	q     float64
	sep   string
}

// A plan is what all tables of a group-by share: which columns and states there
// are and how states and rows are packed into bytes.
type plan struct {
	p     Params
	in    dtype.Schema
	outs  []output
	keys  []int // positions in the input
	types []dtype.Type
	args  []argument
	parts []partSpec
	aggs  []aggPlan

	holistic   bool // some state needs all rows of its group: rows travel, not states
	gathers    bool // and every state keeps the values of its argument alone, so that they can become rows again
	positional bool // some state needs the row's position
	wide       bool // some state is a text, or several words with a position
	bare       bool // there are no states: rows and groups are their keys

	seenBytes int
	stateSize int // bytes of a packed state without extras
	rowSize   int // bytes of a packed row without text
	argOff    []int
	texts     bool // some argument has a variable length
	runs      int

	apart bool   // count_distinct and mode are found by plans of their own, see apart
	shelf *shelf // what several plans write together; nil: this one writes alone
}

// hashRuns is into how many runs groups are divided by the top bits of their hash.
const hashRuns = 64

func newPlan(p Params, in dtype.Schema) (*plan, error) { return planOf(p, in, false) }

func planOf(p Params, in dtype.Schema, apart bool) (*plan, error) {
	outs, err := p.outputs(in)
	if err != nil {
		return nil, err
	}
	pl := &plan{p: p, in: in, outs: outs, runs: hashRuns, apart: apart}
	for _, k := range p.Keys {
		c := in.Index(k)
		pl.keys = append(pl.keys, c)
		pl.types = append(pl.types, in[c].Type)
	}
	if len(p.Keys) == 0 {
		pl.runs = 1
	}
	for _, a := range p.Aggs {
		pl.aggs = append(pl.aggs, pl.planAgg(a))
	}
	if p.Top != nil {
		pl.planTop()
	}
	pl.gathers = pl.holistic && len(pl.keys) > 0
	for _, x := range pl.parts {
		pl.gathers = pl.gathers && x.kind == partMedian && pl.args[x.a].t.Kind != dtype.Bool
	}
	if len(pl.args) == 0 && len(pl.parts) == 0 {
		for _, t := range pl.types {
			pl.bare = pl.bare || t.Kind != dtype.Null // a run of rows without a byte would be taken for an empty one
		}
	}
	pl.pack()
	t := newTable(pl, nil)
	pl.stateSize = t.packedAt(len(t.parts))
	return pl, nil
}

// arg returns the position of a column among the arguments.
func (pl *plan) arg(col int) int {
	for i, a := range pl.args {
		if a.col == col {
			return i
		}
	}
	pl.args = append(pl.args, argument{col, pl.in[col].Type})
	return len(pl.args) - 1
}

// part returns the position of a state, shared by all aggregates that need it.
func (pl *plan) part(kind partKind, a, b int) int {
	return pl.share(partSpec{kind: kind, a: a, b: b})
}

func (pl *plan) share(s partSpec) int {
	for i, x := range pl.parts {
		if x == s {
			return i
		}
	}
	pl.parts = append(pl.parts, s)
	switch s.kind {
	case partMedian, partDistinct:
		pl.holistic = true
	case partFirst, partLast, partTop, partArgMin, partArgMax, partCollect:
		pl.positional = true
	}
	switch s.kind {
	case partTextMin, partTextMax, partFirst, partLast, partArgMin, partArgMax:
		pl.wide = true
	}
	return len(pl.parts) - 1
}

func (pl *plan) planAgg(a Agg) aggPlan {
	out := aggPlan{fn: a.Fn, col: dtype.Shown(a.Col), arg: -1, q: a.Q, sep: a.Sep}
	if a.Fn == Len {
		out.parts = []int{pl.part(partLen, -1, -1)}
		return out
	}
	col := pl.in.Index(a.Col)
	out.t = pl.in[col].Type
	if out.t.Kind == dtype.Null && a.Fn != List {
		return out
	}
	if kind, ok := foundParts[a.Fn]; ok && pl.apart && !out.t.Kind.IsNested() && !slices.Contains(pl.p.Keys, a.Col) {
		out.parts = []int{pl.part(kind, -1, col)}
		return out
	}
	x := pl.arg(col)
	out.arg = x
	if a.Col2 != "" {
		c2 := pl.in.Index(a.Col2)
		if pl.in[c2].Type.Kind == dtype.Null {
			out.t = dtype.Of(dtype.Null)
			return out
		}
		out.parts = []int{pl.part(pairParts[a.Fn], x, pl.arg(c2))}
		return out
	}
	out.parts = []int{pl.single(a, col, x)}
	switch a.Fn {
	case Mean:
		out.parts = append(out.parts, pl.count(col, x))
	case Skew, Kurtosis:
		for i, term := range exact.Terms {
			if term.Power <= 3 || a.Fn == Kurtosis {
				out.parts = append(out.parts, pl.part(partPower, x, i))
			}
		}
	}
	return out
}

// pairParts are the states of functions of two columns.
var pairParts = map[string]partKind{Corr: partComoments, Cov: partComoments, ArgMin: partArgMin, ArgMax: partArgMax}

// single returns the first state of a function of column col, argument x.
func (pl *plan) single(a Agg, col, x int) int {
	kind := partMoments
	switch a.Fn {
	case Count, Skew, Kurtosis:
		return pl.count(col, x)
	case Sum, Mean:
		return pl.sum(x)
	case Min, All:
		return pl.extreme(partMin, x)
	case Max, Any:
		return pl.extreme(partMax, x)
	case Median:
		return pl.share(partSpec{kind: partMedian, a: x, b: -1, q: 0.5})
	case Quantile:
		return pl.share(partSpec{kind: partMedian, a: x, b: -1, q: a.Q})
	case First:
		kind = partFirst
	case Last:
		kind = partLast
	case CountDistinct:
		kind = partDistinct
	case Mode:
		kind = partTally
	case ApproxQuantile:
		kind = partBuckets
	case ApproxCountDistinct:
		kind = partSketch
	case List, StringJoin:
		kind = partCollect
	}
	return pl.part(kind, x, -1)
}

// count is the count of valid values: of rows where no value can be null.
func (pl *plan) count(col, x int) int {
	if !pl.in[col].Nullable {
		return pl.part(partLen, -1, -1)
	}
	return pl.part(partCount, x, -1)
}

func (pl *plan) sum(x int) int {
	switch k := pl.args[x].t.Kind; {
	case k.IsFloat():
		return pl.part(partFloatSum, x, -1)
	case k == dtype.Decimal128:
		return pl.part(partDecSum, x, -1)
	}
	return pl.part(partIntSum, x, -1)
}

func (pl *plan) extreme(kind partKind, x int) int {
	if isText(pl.args[x].t.Kind) {
		kind += partTextMin - partMin
	}
	return pl.part(kind, x, -1)
}

// isText reports whether values of kind k are kept as bytes.
func isText(k dtype.Kind) bool { return k.IsVar() || k == dtype.Decimal128 }

func (pl *plan) planTop() {
	by := pl.arg(pl.in.Index(pl.p.Top.By))
	for _, o := range pl.outs {
		if o.col >= 0 {
			pl.arg(o.col)
		}
	}
	pl.part(partTop, by, -1)
}

// The first byte of a packed row or state tells which it is.
const (
	tagRow   = 0
	tagState = 1
)

// posBytes is the size of a row's position: Seq, Sub and number within the
// morsel, in 16 bytes that compare as two words.
const posBytes = 16

// pack lays out packed rows and states.
//
//	row    tag · valid bits of the arguments · position, if any state needs it ·
//	       fixed-width arguments · for each text argument: length in 4 bytes, bytes
//	state  tag · seen bits of the arguments · fixed parts of the states ·
//	       extras: part in 1 byte, length in 4, bytes
func (pl *plan) pack() {
	pl.seenBytes = (len(pl.args) + 7) / 8
	pl.rowSize = 1 + pl.seenBytes
	if pl.positional {
		pl.rowSize += posBytes
	}
	for _, a := range pl.args {
		pl.argOff = append(pl.argOff, pl.rowSize)
		switch k := a.t.Kind; {
		case k.IsVar():
			pl.texts = true
		case k == dtype.Bool:
			pl.rowSize++
		default:
			pl.rowSize += a.t.Width()
		}
	}
}

// partialSchema is the schema of what group.partial gives to group.final: the
// keys, and a packed row or state unless there are none.
func (pl *plan) partialSchema() dtype.Schema {
	if pl.shelf != nil {
		return pl.shelf.schema
	}
	s := pl.in.Pick(pl.keys)
	for i := range s {
		s[i].Name = fmt.Sprintf("key %d", i)
	}
	if pl.bare {
		return s
	}
	return append(s, dtype.Field{Name: "state", Type: dtype.Of(dtype.Binary)})
}

// schema is the schema of the result.
func (pl *plan) schema() dtype.Schema {
	s := make(dtype.Schema, len(pl.outs))
	for i, o := range pl.outs {
		s[i] = o.field
	}
	return s
}
