package rows

import (
	"slices"
	"strings"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// ProjectParams are the parameters of rows.project: the output columns in order,
// each with its name. Steps are computed before, each of the columns of the input and
// of the steps before it; their names are no columns of the input.
type ProjectParams struct{ Exprs, Steps []expr.Expr }

// WithParams are the parameters of rows.with: columns that are added, or replace those
// of their name. None sees another one.
type WithParams struct{ Exprs []expr.Expr }

var (
	// Project computes columns from columns: select, rename and drop are this operator.
	//
	// Memory: what is made of a morsel, or of as many of its rows as expr.Ration has room for.
	Project op.Op[ProjectParams]

	// With computes columns and passes the others on. It says what a plan of a thousand
	// columns adds to them, where Project says all of them again.
	With op.Op[WithParams]
)

func init() {
	Project = op.Register(op.Spec[ProjectParams]{
		Name: "rows.project", Version: 2, Class: op.RowWise,
		Doc:   "computes columns of a row from the columns of that row",
		Infer: inferProject,
		Text:  projectText,
		Pipe:  bindProject,
		Rules: op.Rules[ProjectParams]{
			Project: narrowProject,
			Uses: func(p ProjectParams, in []op.Meta, cols []string) [][]string {
				return [][]string{narrowProject(p, cols).reads()}
			},
			Select:       selectColumns,
			Through:      projectThrough,
			LimitThrough: func(ProjectParams) bool { return true },
			Computes:     func(p ProjectParams) ([]expr.Expr, bool) { return p.Exprs, false },
			WithComputed: withComputed,
		},
	})
	With = op.Register(op.Spec[WithParams]{
		Name: "rows.with", Version: 1, Class: op.RowWise,
		Doc:   "computes columns of a row and keeps the others",
		Infer: inferWith,
		Text:  func(p WithParams) string { return exprsText(p.Exprs) },
		Pipe:  func(p WithParams, in op.Meta) (op.Pipe, error) { return bindProject(p.project(in.Schema), in) },
		Rules: op.Rules[WithParams]{
			Uses: func(p WithParams, in []op.Meta, cols []string) [][]string { // replaced columns keep their places
				kept := slices.DeleteFunc(slices.Clone(cols), func(c string) bool { return in[0].Schema.Index(c) < 0 })
				return [][]string{union(kept, ProjectParams{Exprs: p.Exprs}.reads())}
			},
			Through: func(p WithParams, in []op.Meta, pred expr.Expr, input int) (expr.Expr, bool) {
				return projectThrough(ProjectParams{Exprs: p.Exprs}, in, pred, input)
			},
			LimitThrough: func(WithParams) bool { return true },
			Computes:     func(p WithParams) ([]expr.Expr, bool) { return p.Exprs, true },
		},
	})
}

func selectColumns(cols []string) op.Call { return Project.With(ProjectParams{Exprs: columns(cols)}) }

func columns(names []string) []expr.Expr {
	out := make([]expr.Expr, len(names))
	for i, c := range names {
		out[i] = expr.Col(c)
	}
	return out
}

// withComputed makes a projection without the steps that no column needs: its rule says that
// it does not read what they read.
func withComputed(steps, cols []expr.Expr) op.Call {
	names := make([]string, len(cols))
	for i, e := range cols {
		names[i] = e.OutName()
	}
	return Project.With(narrowProject(ProjectParams{cols, steps}, names))
}

// project says of all columns what p says of some.
func (p WithParams) project(s dtype.Schema) ProjectParams {
	out := columns(s.Names())
	for _, e := range p.Exprs {
		if i := s.Index(e.OutName()); i >= 0 {
			out[i] = e
		} else {
			out = append(out, e)
		}
	}
	return ProjectParams{Exprs: out}
}

func projectText(p ProjectParams) string {
	if len(p.Steps) > 0 {
		return exprsText(p.Steps) + " → " + exprsText(p.Exprs)
	}
	return exprsText(p.Exprs)
}

func exprsText(es []expr.Expr) string {
	parts := make([]string, len(es))
	for i, e := range es {
		if parts[i] = (expr.Expr{N: e.N}).String(); parts[i] != e.OutName() {
			parts[i] = e.OutName() + " = " + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}

// narrowProject leaves out what is not needed for some columns.
func narrowProject(p ProjectParams, cols []string) ProjectParams {
	want := make(map[string]bool, len(cols))
	for _, c := range cols {
		want[c] = true
	}
	out, need := ProjectParams{}, map[string]bool{}
	for _, e := range p.Exprs {
		if want[e.OutName()] {
			out.Exprs = append(out.Exprs, e)
			mark(need, e)
		}
	}
	for _, e := range slices.Backward(p.Steps) {
		if need[e.Name] {
			out.Steps = append(out.Steps, e)
			mark(need, e)
		}
	}
	slices.Reverse(out.Steps)
	return out
}

func mark(names map[string]bool, e expr.Expr) {
	for _, c := range expr.Columns(e) {
		names[c] = true
	}
}

// reads lists the columns of the input that p reads.
func (p ProjectParams) reads() (out []string) {
	seen := map[string]bool{}
	for _, e := range p.Steps {
		seen[e.Name] = true
	}
	for _, es := range [][]expr.Expr{p.Exprs, p.Steps} {
		for _, e := range es {
			for _, c := range expr.Columns(e) {
				if !seen[c] {
					seen[c] = true
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// scope is the columns that the output is computed from: those of the input and the steps.
func (p ProjectParams) scope(in dtype.Schema) (dtype.Schema, error) {
	if len(p.Steps) == 0 {
		return in, nil
	}
	out := slices.Grow(slices.Clone(in), len(p.Steps))
	for _, e := range p.Steps {
		f, err := expr.Infer(e, out)
		if err != nil {
			return nil, err
		}
		out = append(out, dtype.Field{Name: e.Name, Type: f.Type, Nullable: f.Nullable})
	}
	return out, out.Unique()
}

func inferProject(p ProjectParams, in []op.Meta) (op.Meta, error) {
	m := op.Meta{Schema: make(dtype.Schema, 0, len(p.Exprs)), Rows: in[0].Rows, Bytes: in[0].Bytes}
	scope, err := p.scope(in[0].Schema)
	if err != nil {
		return op.Meta{}, err
	}
	at := scope.Places()
	renamed := make(map[string]string, len(p.Exprs))
	for _, e := range p.Exprs {
		c, plain := e.N.(expr.Column)
		if i, ok := at[c.Name]; plain && ok {
			m.Schema = append(m.Schema, dtype.Field{Name: e.OutName(), Type: scope[i].Type, Nullable: scope[i].Nullable})
			renamed[c.Name] = e.OutName()
			continue
		}
		f, err := expr.Infer(e, scope)
		if err != nil {
			return op.Meta{}, err
		}
		m.Schema = append(m.Schema, f)
	}
	if err := m.Schema.Unique(); err != nil {
		return op.Meta{}, err
	}
	m.Bytes = shareOf(m.Bytes, len(m.Schema), len(in[0].Schema))
	m.Layout, m.Known = renameLayout(in[0].Layout, renamed), in[0].Known.Rename(renamed)
	return m, nil
}

func inferWith(p WithParams, in []op.Meta) (op.Meta, error) {
	m := in[0]
	n := len(m.Schema)
	m.Schema = slices.Grow(slices.Clone(m.Schema), len(p.Exprs))
	made := make(map[string]bool, len(p.Exprs))
	for _, e := range p.Exprs {
		f, err := expr.Infer(e, in[0].Schema)
		if err != nil {
			return op.Meta{}, err
		}
		if i := in[0].Schema.Index(f.Name); i >= 0 {
			m.Schema[i] = f
		} else if made[f.Name] {
			return op.Meta{}, append(m.Schema, f).Unique()
		} else {
			m.Schema = append(m.Schema, f)
		}
		made[f.Name] = true
	}
	m.Bytes = shareOf(m.Bytes, len(m.Schema), n)
	m.Layout, m.Known = keepLayout(m.Layout, made), slices.DeleteFunc(slices.Clone(m.Known), func(k op.NamedFact) bool { return made[k.Col] })
	return m, nil
}

// shareOf is what some columns have of the bytes of all.
func shareOf(bytes float64, cols, of int) float64 {
	if of > 0 && bytes > 0 {
		bytes *= float64(cols) / float64(of)
	}
	return bytes
}

// keepLayout keeps what is known of the order and partitioning when columns are replaced.
func keepLayout(l op.Layout, replaced map[string]bool) op.Layout {
	if i := slices.IndexFunc(l.Sorted, func(k op.SortKey) bool { return replaced[k.Col] }); i >= 0 {
		l.Sorted = l.Sorted[:i:i]
	}
	if slices.ContainsFunc(l.Hashed, func(c string) bool { return replaced[c] }) {
		l.Hashed = nil
	}
	return l
}

// renameLayout keeps what is known of the order and partitioning of the columns
// that survive.
func renameLayout(l op.Layout, names map[string]string) (out op.Layout) {
	for _, k := range l.Sorted {
		n, ok := names[k.Col]
		if !ok {
			break
		}
		k.Col = n
		out.Sorted = append(out.Sorted, k)
	}
	for _, c := range l.Hashed {
		n, ok := names[c]
		if !ok {
			return op.Layout{Sorted: out.Sorted}
		}
		out.Hashed = append(out.Hashed, n)
	}
	return out
}

// throughNodes bounds a predicate on steps of steps, written out on the input: one that
// names a step twice doubles with every step.
const throughNodes = 1000

// projectThrough rewrites a predicate on computed columns as one on the input.
func projectThrough(p ProjectParams, in []op.Meta, pred expr.Expr, input int) (expr.Expr, bool) {
	out, read := pred, map[string]bool{}
	mark(read, out)
	by := make(map[string]expr.Node, len(read))
	for _, e := range p.Exprs {
		if name := e.OutName(); read[name] {
			by[name] = e.N
		}
	}
	out = expr.Substitute(out, by)
	for _, e := range slices.Backward(p.Steps) {
		if expr.Nodes(out) > throughNodes {
			return out, false
		}
		out = expr.Substitute(out, map[string]expr.Node{e.Name: e.N})
	}
	return out, expr.Deterministic(out) && !expr.CanErrorIn(out, in[0].Schema)
}

// bindProject compiles the computed columns; plain columns are passed on as they
// are.
func bindProject(p ProjectParams, in op.Meta) (op.Pipe, error) {
	scope, err := p.scope(in.Schema)
	if err != nil {
		return nil, err
	}
	steps := make([]*expr.Program, len(p.Steps))
	for i, e := range p.Steps {
		if steps[i], err = expr.Compile(e, scope[:len(in.Schema)+i]); err != nil {
			return nil, err
		}
	}
	from := make([]int, len(p.Exprs))
	progs := make([]*expr.Program, len(p.Exprs))
	at := scope.Places()
	for i, e := range p.Exprs {
		if c, ok := e.N.(expr.Column); ok {
			if from[i], ok = at[c.Name]; ok {
				continue
			}
		}
		if progs[i], err = expr.Compile(e, scope); err != nil {
			return nil, err
		}
	}
	each := pipe(func() op.Local {
		return &projecting{from: from, steps: states(steps), states: states(progs)}
	})
	for _, e := range slices.Concat(p.Steps, p.Exprs) {
		if !expr.Deterministic(e) || expr.CanErrorIn(e, scope) {
			return each, nil
		}
	}
	plain := slices.Clone(from)
	for i := range plain {
		if progs[i] != nil || plain[i] >= len(in.Schema) {
			plain[i] = -1
		}
	}
	return passage{each, plain}, nil
}

// states are those of programs, nil where there is none.
func states(progs []*expr.Program) []*expr.State {
	out := make([]*expr.State, len(progs))
	for i, p := range progs {
		if p != nil {
			out[i] = p.NewState()
		}
	}
	return out
}

type projecting struct {
	from          []int
	steps, states []*expr.State
	ration        expr.Ration
	scope, out    chunk.Batch // scope: the columns of the morsel and those of the steps
}

// Push implements op.Local. A morsel of which much is made becomes several.
func (l *projecting) Push(m *chunk.Batch, out op.Sink) error {
	for lo := 0; lo < m.N; {
		part := l.ration.Take(m, lo)
		err := l.compute(part)
		if l.ration.Over(err) {
			continue
		}
		if err != nil {
			return err
		}
		lo += part.N
		l.out.Follow(m)
		if err := out.Push(&l.out); err != nil {
			return err
		}
	}
	return nil
}

// compute makes the columns of the output of rows that the ration gave.
func (l *projecting) compute(m *chunk.Batch) error {
	if len(l.steps) > 0 {
		l.scope.Cols = append(l.scope.Cols[:0], m.Cols...)
		l.scope.N = m.N
		for _, s := range l.steps {
			v, err := s.Within(&l.ration, &l.scope)
			if err != nil {
				return err
			}
			l.scope.Cols = append(l.scope.Cols, *v)
		}
		m = &l.scope
	}
	l.out.Cols, l.out.N = l.out.Cols[:0], m.N
	for i, s := range l.states {
		if s == nil {
			l.out.Cols = append(l.out.Cols, m.Cols[l.from[i]])
			continue
		}
		v, err := s.Within(&l.ration, m)
		if err != nil {
			return err
		}
		l.out.Cols = append(l.out.Cols, *v)
	}
	return nil
}

func (l *projecting) Close(op.Sink, bool) error { return nil }
