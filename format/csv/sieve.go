package csv

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/scan"
	"github.com/weft-data/weft/op"
)

// filter takes a predicate into the reader, unless rows are limited already: then
// the predicate is on what the limit leaves.
func filter(p ReadParams, pred expr.Expr) (ReadParams, expr.Expr) {
	if p.Limit > 0 {
		return p, pred
	}
	where, ok := scan.Take(p.Where, pred)
	if !ok {
		return p, pred
	}
	p.Where = where
	return p, expr.Expr{}
}

// whereSchema returns the columns that the predicate reads.
func (p *ReadParams) whereSchema() (dtype.Schema, error) {
	var s dtype.Schema
	for _, name := range expr.Columns(p.Where) {
		c := slices.Index(p.Names, name)
		if c < 0 {
			return nil, fmt.Errorf("csv: the predicate %s reads column %q, which the files do not have", p.Where, name)
		}
		s = append(s, dtype.Field{Name: name, Type: p.Types[c], Nullable: true})
	}
	return s, nil
}

// where compiles the predicate; nil if there is none.
func (p *ReadParams) where() (*expr.Program, error) {
	if p.Where.None() {
		return nil, nil
	}
	s, err := p.whereSchema()
	if err != nil {
		return nil, err
	}
	prog, err := scan.Compile(p.Where, s)
	return prog, wrap(err)
}

// A sieve reads the columns of a predicate first, so that the others are read only
// for the rows it keeps.
type sieve struct {
	eval  *expr.State
	cols  []int // of parser.cols, in the order of the predicate's schema
	also  []int // the others of parser.cols
	need  []int // which of a row's ends the others need
	batch chunk.Batch
	rows  []uint32 // those that were kept
}

// sift makes the parser's sieve; columns that only the predicate reads are added
// behind the output's.
func (r *parser) sift(prog *expr.Program) {
	s := &sieve{eval: prog.NewState()}
	names, _ := r.p.whereSchema()
	for _, f := range names {
		at := slices.IndexFunc(r.cols, func(c column) bool { return c.name == f.Name })
		if at < 0 {
			at = len(r.cols)
			r.cols = append(r.cols, r.column(slices.Index(r.p.Names, f.Name)))
		}
		s.cols = append(s.cols, at)
	}
	for i := range r.outs {
		if slices.Contains(s.cols, i) && !r.cols[i].typ.Kind.IsVar() {
			continue
		}
		s.also = append(s.also, i)
		switch c := r.cols[i].at; {
		case c > 0:
			s.need = append(s.need, c-1, c)
		case c == 0:
			s.need = append(s.need, c)
		}
	}
	slices.Sort(s.need)
	s.need = slices.Compact(s.need)
	r.sieve = s
}

// choose evaluates the predicate on rows [lo, lo+n) and returns how many it keeps.
// When these are fewer, the ends of their fields move together, so that row lo+i is
// the i-th kept one, and so do the values of the predicate's columns, except text,
// which is read again.
func (s *sieve) choose(r *parser, lo, n int) (kept int, ft *fault, err error) {
	s.rows, s.batch.Cols, s.batch.N = s.rows[:0], s.batch.Cols[:0], n
	if ft := r.parseAll(s.cols, lo, n); ft != nil {
		return 0, ft, nil
	}
	for _, i := range s.cols {
		s.batch.Cols = append(s.batch.Cols, r.cols[i].vec(n))
	}
	mask, kept, err := s.eval.Filter(&s.batch)
	if err != nil || kept == n || kept == 0 {
		return kept, nil, err
	}
	if cap(s.rows) < n+64 {
		s.rows = make([]uint32, n+64+n/8)
	}
	s.rows = s.rows[:n+64]
	s.rows = s.rows[:kernel.MaskToIndex(mask, n, s.rows)]
	for to, from := range s.rows {
		r.first[lo+to] = r.first[lo+int(from)]
		a, b := r.pos[(lo+to)*r.nc:], r.pos[(lo+int(from))*r.nc:]
		for _, k := range s.need {
			a[k] = b[k]
		}
	}
	for _, i := range s.cols {
		if i < r.outs && r.cols[i].given == nil && !r.cols[i].typ.Kind.IsVar() {
			r.cols[i].compress(mask, n)
		}
	}
	return kept, nil, nil
}

// compress keeps the values of n whose bit is set; c is not text.
func (c *column) compress(mask []uint64, n int) {
	if c.nulls {
		kernel.CompressBits(c.valid, c.valid, mask, n)
	}
	switch c.typ.Width() {
	case 1:
		compressAs[uint8](c, mask, n)
	case 2:
		compressAs[uint16](c, mask, n)
	case 4:
		compressAs[uint32](c, mask, n)
	case 8:
		compressAs[uint64](c, mask, n)
	case 16:
		compressAs[[16]byte](c, mask, n)
	default:
		if c.typ.Kind == dtype.Bool {
			kernel.CompressBits(c.data, c.data, mask, n)
		}
	}
}

func compressAs[T interface {
	uint8 | uint16 | uint32 | uint64 | [16]byte
}](c *column, mask []uint64, n int) {
	v := as[T](c, n)
	kernel.Compress(v, v, mask)
}

// inferWhere checks the predicate and scales an estimate by it.
func (p *ReadParams) inferWhere(m op.Meta) (op.Meta, error) {
	prog, err := p.where()
	if prog != nil && m.Rows > 0 {
		m = m.Where(p.Where)
	}
	return m, err
}
