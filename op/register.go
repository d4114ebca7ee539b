package op

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/canon"
)

// Register adds an operator to the book. It panics on a duplicate name or an
// incomplete spec; call it from a package-level var.
func Register[P any](s Spec[P]) Op[P] {
	if err := s.check(); err != nil {
		panic("op: " + err.Error())
	}
	o := Op[P]{&s}
	e := s.entry(o)
	bookMu.Lock()
	defer bookMu.Unlock()
	if _, dup := book[s.Name]; dup {
		panic("op: duplicate " + s.Name)
	}
	book[s.Name] = e
	return o
}

func (s *Spec[P]) check() error {
	parts := 0
	for _, set := range []bool{s.Source != nil, s.Pipe != nil, s.Block != nil, s.Lower != nil} {
		if set {
			parts++
		}
	}
	switch {
	case s.Name == "" || s.Version < 1 || s.Doc == "":
		return fmt.Errorf("%q needs a name, a version from 1 and a doc sentence", s.Name)
	case parts != 1:
		return fmt.Errorf("%s sets %d of Source, Pipe, Block and Lower, want one", s.Name, parts)
	case s.Infer == nil:
		return fmt.Errorf("%s has no Infer", s.Name)
	}
	return nil
}

// entry hides the parameter type of s.
func (s *Spec[P]) entry(o Op[P]) *Entry {
	must := func(params string) P {
		p, err := decode[P](s.Name, params)
		if err != nil {
			panic(err)
		}
		return p
	}
	e := &Entry{Name: s.Name, Version: s.Version, Class: s.Class, Doc: s.Doc,
		Params: canon.Schema(reflect.TypeFor[P]()), Bind: s.bind}
	e.Infer = func(params string, in []Meta) (Meta, error) {
		p, err := decode[P](s.Name, params)
		if err != nil {
			return Meta{}, err
		}
		return s.Infer(p, in)
	}
	e.Mem = func(params string, in Meta) Need {
		if s.Mem == nil {
			return Need{}
		}
		return s.Mem(must(params), in)
	}
	e.Text = func(params string) string {
		if s.Text == nil {
			return ""
		}
		return strings.ReplaceAll(s.Text(must(params)), "\x00", "") // of the names of dtype.Hidden
	}
	if s.Lower != nil {
		e.Lower = func(params string, b *Fragment) error { return s.Lower(must(params), b) }
	}
	s.readerRules(e, o, must)
	s.pushRules(e, o, must)
	return e
}

func (s *Spec[P]) readerRules(e *Entry, o Op[P], must func(string) P) {
	r := &s.Rules
	if r.Blocks != nil {
		e.Blocks = func(params string) int { return r.Blocks(must(params)) }
	}
	if r.BlockMeta != nil {
		e.BlockMeta = func(params string, b int) Meta { return r.BlockMeta(must(params), b) }
	}
	if r.Keep != nil {
		e.Keep = func(params string, blocks []int) Call { return o.With(r.Keep(must(params), blocks)) }
	}
	if r.Prune != nil {
		e.Prune = func(params string, pred expr.Expr) []int { return r.Prune(must(params), pred) }
	}
	if r.Filter != nil {
		e.Filter = func(params string, pred expr.Expr) (Call, expr.Expr) {
			p, rest := r.Filter(must(params), pred)
			return o.With(p), rest
		}
	}
	if r.Limit != nil {
		e.Limit = func(params string, n int64) (Call, bool) {
			p, ok := r.Limit(must(params), n)
			return o.With(p), ok
		}
	}
}

func (s *Spec[P]) pushRules(e *Entry, o Op[P], must func(string) P) {
	r := &s.Rules
	if r.Project != nil {
		e.Project = func(params string, cols []string) Call { return o.With(r.Project(must(params), cols)) }
	}
	if r.Uses != nil {
		e.Uses = func(params string, in []Meta, cols []string) [][]string { return r.Uses(must(params), in, cols) }
	}
	if r.Through != nil {
		e.Through = func(params string, in []Meta, pred expr.Expr, input int) (expr.Expr, bool) {
			return r.Through(must(params), in, pred, input)
		}
	}
	if r.Pred != nil {
		e.Pred = func(params string) (expr.Expr, bool) { return r.Pred(must(params)) }
	}
	if r.Computes != nil {
		e.Computes = func(params string) ([]expr.Expr, bool) { return r.Computes(must(params)) }
	}
	if r.LimitThrough != nil {
		e.LimitThrough = func(params string) bool { return r.LimitThrough(must(params)) }
	}
	if r.Rows != nil {
		e.Rows = func(params string) (int64, bool) { return r.Rows(must(params)) }
	}
	if r.Match != nil {
		e.Match = func(params string) (Match, bool) { return r.Match(must(params)) }
	}
	if r.Take != nil {
		e.Take = func(params string, in []int, layer int, below Call, belowIn []int, others Others) (Call, []Link, bool) {
			p, links, ok := r.Take(must(params), in, layer, below, belowIn, others)
			if !ok {
				return Call{}, nil, false
			}
			return o.With(p), links, true
		}
	}
	if r.Divide != nil {
		e.Divide = func(params string, in, side Meta, memory float64) (Division, bool) {
			return r.Divide(must(params), in, side, memory)
		}
	}
	if r.Serves != nil {
		e.Serves = func(params string, in []Meta) (Call, bool) { return r.Serves(must(params), in) }
	}
	if r.Unite != nil {
		e.Unite = func(params string, most float64, spared Spared) (Call, bool) {
			p, ok := r.Unite(must(params), most, spared)
			return o.With(p), ok
		}
	}
	if r.Spares != nil {
		e.Spares = func(params string) Spared { return r.Spares(must(params)) }
	}
	e.WithPred, e.WithMatch, e.Every, e.Passes, e.Once, e.Shares, e.TakesLast = r.WithPred, r.WithMatch, r.Every, r.Passes, r.Once, r.Shares, r.TakesLast
	e.Select, e.WithComputed, e.Pure = r.Select, r.WithComputed, r.Pure || s.Class != Opaque
}

// bind makes a call ready. Each process binds each layer once.
func (s *Spec[P]) bind(params string, in Meta) (b Bound, err error) {
	p, err := decode[P](s.Name, params)
	if err != nil {
		return b, err
	}
	b.Class = s.Class
	switch {
	case s.Source != nil:
		b.Source, err = s.Source(p)
	case s.Pipe != nil:
		b.Pipe, err = s.Pipe(p, in)
	case s.Block != nil:
		b.Block, err = s.Block(p)
	default:
		err = fmt.Errorf("is logical and was not lowered")
	}
	if err != nil {
		return b, fmt.Errorf("op %s: %w", s.Name, err)
	}
	return b, nil
}
