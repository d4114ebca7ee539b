// Package join is the hash join of two tables.
//
//	join.hash    logical: which kind, which keys
//	  └─ join.build   divides the build side's rows by key hash into 64 runs
//	  └─ join.probe   a step in the probe side's pipeline: looks rows up, emits matches
//
// Should the build side turn out too large, the probe side is divided by join.build, too,
// and join.match does the join run by run: see divide.
//
// The table is built once per process and layer and shared by all probe tasks.
// How it is laid out is chosen from the build keys that are there (see table):
// an array indexed by the key itself, slots holding {key, row}, or slots holding
// {hash tag, row} whose keys are compared in the build rows. Columns of a build side
// that is too large for the cache are held as packed rows too (see packed). Output
// is gathered once, to where it stays (see emitter).
//
// When the build side does not fit into memory, whole runs are left out of the
// table (hybrid hash join, after DeWitt et al. 1984). Probe rows of these runs go
// to disk and are joined run by run when the pipeline has drained; a run that
// does not fit even alone is joined in block-nested loops.
//
// Of an inner join whose pairs have to meet bounds, as left.at >= right.start, the rows
// of a key that has many are found by these (see shelf).
//
// A full join marks the rows of the table that were found, and gives the others when all rows have been looked
// up. So it needs these in one block; where they are in several, both sides are divided, and each run is joined by one
// who sees all of it (join.match).
//
// Null keys match nothing. As keys NaN equals NaN and -0 equals 0. Rows come out
// in the order of the probe side's rows, the matches of one row in the order of
// the build side's, as long as nothing is left out and one thread reads both; in
// general the result is a multiset.
package join

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// A Kind says which rows a join gives.
type Kind uint8

// The kinds.
const (
	Inner Kind = iota // every pair of rows whose keys are equal
	Left              // and the left rows without a match, with nulls on the right
	Semi              // left rows with at least one match, once, left columns only
	Anti              // left rows without a match, left columns only
	Full              // every pair, and the rows of both sides without a match, with nulls on the other
)

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

var kindNames = [...]string{"inner", "left", "semi", "anti", "full"}

// Params are the parameters of join.hash; input 0 is the left table, input 1 the
// right one.
type Params struct {
	Left, Right []string // key columns, pairwise of one type
	Kind        Kind
	// Suffix is added to right columns whose name a left column has; empty means
	// "_right". A right key column named like the left key it is compared with is
	// dropped; of a right row alone a full join gives it in the place of the left one.
	Suffix string
	// Columns are the output columns wanted, in order of the full output; nil
	// means all.
	Columns []string
	// InPlace leaves the rows of a left join in their order and blocks wherever memory
	// suffices, also where it would be cheaper to divide them.
	InPlace bool
	// Within are bounds of an inner join.
	Within []Bound
}

// Hash is the operator join.hash.
//
// Rows:    see Kind; the order is that of the left table's rows where nothing
// spills and the right side is the build side, else unspecified.
// Nulls:   a null key matches nothing; a left join keeps such left rows, an anti
// join gives them, a full join keeps those of both sides.
// Memory:  the right table's needed columns plus 5 to 16 bytes per row; with less
// it spills. With more, a right table of many rows takes up to 128 bytes per row
// again and is read faster.
// Errors:  key lists of different lengths, unknown columns, key columns of
// different types, output names that clash.
var Hash op.Op[Params]

func init() {
	Hash = op.Register(op.Spec[Params]{
		Name: "join.hash", Version: 2, Class: op.Logical,
		Doc:   "Joins two tables on equal keys.",
		Infer: infer, Text: Params.text, Lower: lower,
		Rules: op.Rules[Params]{Project: project, Uses: uses, Through: through, LimitThrough: func(Params) bool { return false },
			Match: match, Spares: spares, WithMatch: func(m op.Match) op.Call { return withMatch(m) }},
	})
}

func (p Params) text() string {
	on := make([]string, len(p.Left))
	for i, l := range p.Left {
		if on[i] = l; i < len(p.Right) && p.Right[i] != l {
			on[i] += "=" + p.Right[i]
		}
	}
	t := p.Kind.String() + " on " + strings.Join(on, ", ") + boundText(p.Within)
	if p.Columns != nil {
		t += "; columns " + strings.Join(p.Columns, ", ")
	}
	return t
}

// A Col is an output column of join.probe.
type Col struct {
	Build bool   // from the build side
	In    string // name there
	Out   string // name in the output
	// Shared says of a column of a full join that it is a key which both sides have by
	// this name: of a row of the other side alone it is that side's.
	Shared bool
}

// drops reports that rows with a null key are not in the output.
func (p Params) drops() bool { return p.Kind == Inner || p.Kind == Semi }

// shared reports that a right column is a key named like the left key it is compared with.
func (p Params) shared(name string) bool {
	i := slices.Index(p.Right, name)
	return i >= 0 && i < len(p.Left) && p.Left[i] == name
}

// columns lists the output of a join before Project.
func (p Params) columns(left, right dtype.Schema) ([]Col, dtype.Schema, error) {
	var cols []Col
	var out dtype.Schema
	for _, f := range left {
		c := Col{In: f.Name, Out: f.Name, Shared: p.Kind == Full && p.shared(f.Name)}
		switch {
		case c.Shared:
			at := right.Index(f.Name)
			f.Nullable = f.Nullable || at >= 0 && right[at].Nullable
		case p.Kind == Full:
			f.Nullable = true
		default:
			f.Nullable = f.Nullable && !(p.drops() && slices.Contains(p.Left, f.Name))
		}
		cols, out = append(cols, c), append(out, f)
	}
	if p.Kind == Semi || p.Kind == Anti {
		return cols, out, nil
	}
	suffix := p.Suffix
	if suffix == "" {
		suffix = "_right"
	}
	for _, f := range right {
		if p.shared(f.Name) {
			continue
		}
		c := Col{Build: true, In: f.Name, Out: f.Name}
		if left.Index(f.Name) >= 0 {
			c.Out += suffix
		}
		f.Nullable = f.Nullable && !slices.Contains(p.Right, f.Name) || p.Kind == Left || p.Kind == Full
		f.Name = c.Out
		cols, out = append(cols, c), append(out, f)
	}
	if err := out.Unique(); err != nil {
		return nil, nil, fmt.Errorf("join: output: %w; choose another suffix than %q", err, suffix)
	}
	return cols, out, nil
}

// output is columns after Project.
func (p Params) output(left, right dtype.Schema) ([]Col, dtype.Schema, error) {
	cols, out, err := p.columns(left, right)
	if err != nil || p.Columns == nil {
		return cols, out, err
	}
	var kept []Col
	var schema dtype.Schema
	for _, name := range p.Columns {
		i, err := out.Find(name)
		if err != nil {
			return nil, nil, fmt.Errorf("join: output: %w", err)
		}
		kept, schema = append(kept, cols[i]), append(schema, out[i])
	}
	return kept, schema, nil
}

func infer(p Params, in []op.Meta) (op.Meta, error) {
	if len(in) != 2 {
		return op.Meta{}, fmt.Errorf("join: %d inputs, want 2", len(in))
	}
	if p.Kind > Full {
		return op.Meta{}, fmt.Errorf("join: unknown kind %d, want inner, left, semi, anti or full", p.Kind)
	}
	if len(p.Left) == 0 || len(p.Left) != len(p.Right) {
		return op.Meta{}, fmt.Errorf("join: %d left and %d right key columns, want equally many and at least one", len(p.Left), len(p.Right))
	}
	l, r := in[0].Schema, in[1].Schema
	for i := range p.Left {
		a, err := l.Find(p.Left[i])
		if err != nil {
			return op.Meta{}, fmt.Errorf("join: left key: %w", err)
		}
		b, err := r.Find(p.Right[i])
		if err != nil {
			return op.Meta{}, fmt.Errorf("join: right key: %w", err)
		}
		if l[a].Type != r[b].Type {
			return op.Meta{}, fmt.Errorf("join: left key %q is %s but right key %q is %s: cast one of them", dtype.Shown(p.Left[i]), l[a].Type, dtype.Shown(p.Right[i]), r[b].Type)
		}
		if l[a].Type.Kind.IsNested() {
			return op.Meta{}, fmt.Errorf("join: key %q is %s: lists and structs are no keys; take their parts", dtype.Shown(p.Left[i]), l[a].Type)
		}
	}
	if err := checkBounds(p.Kind, p.Within, l, r); err != nil {
		return op.Meta{}, err
	}
	_, out, err := p.output(l, r)
	if err != nil {
		return op.Meta{}, err
	}
	return p.estimate(in, out), nil
}

// estimate describes the output. A join that spills gives its rows in another order,
// so no order is promised.
func (p Params) estimate(in []op.Meta, out dtype.Schema) op.Meta {
	m := op.Meta{Schema: out, Rows: -1, Bytes: -1}
	hashed := in[0].Layout.Hashed
	lost := func(name string) bool { return out.Index(name) < 0 }
	if p.Kind != Inner && p.Kind != Full && !slices.ContainsFunc(hashed, lost) { // an inner join may swap its sides, and rows of the other have nulls
		m.Layout.Hashed = hashed
	}
	if m.Rows = p.rows(in); m.Rows < 0 {
		return m
	}
	m.Bytes = m.Rows * op.RowBytes(out)
	if p.Kind != Full { // of which the other side's values are known as little as its nulls
		m.Known = op.Paired(in[0], in[1], p.Left, p.Right, m.Rows).Pick(out)
	}
	return m
}

// rows estimates the rows. Without knowledge of the keys those of the right side are
// taken to be nearly unique.
func (p Params) rows(in []op.Meta) float64 {
	l, r := in[0].Rows, in[1].Rows
	if l < 0 {
		return -1
	}
	if p.Kind == Semi || p.Kind == Anti {
		share := op.Matching(in[0], in[1], p.Left, p.Right)
		switch {
		case share < 0:
			share = 0.5
		case p.Kind == Anti:
			share = 1 - share
		}
		return l * share
	}
	n := op.PairsOf(in[0], in[1], p.Left, p.Right)
	switch {
	case p.Kind == Full && r < 0:
		return -1
	case p.Kind == Full:
		left, right := op.Matching(in[0], in[1], p.Left, p.Right), op.Matching(in[1], in[0], p.Right, p.Left)
		if left < 0 || right < 0 {
			return l + r
		}
		return n + l*(1-left) + r*(1-right)
	case n < 0:
		return max(l, r)
	case p.Kind == Left:
		return max(l, n)
	}
	return n
}
