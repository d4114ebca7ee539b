package optimize_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/script"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/join"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// TestScripts runs testdata/*.txt. Commands:
//
//	let                 lines "name = verb inputs key=value…" add layers
//	plan name           the plan as built
//	optimize name       the plan as run; rule=a,b applies cull and these passes,
//	                    off=a,b leaves passes out, memory= and threads= as Options,
//	                    picture draws it, cut=0,1 cuts the last layer that may be cut at
//	                    the first of its places, then what that is cut to at the second
//
// Every plan is verified after every pass.
func TestScripts(t *testing.T) {
	script.RunEach(t, "testdata/*.txt", func(t *testing.T) script.Handler {
		s := &scripted{names: map[string]graph.LayerID{}}
		return s.handle
	})
}

type scripted struct {
	g     graph.Graph
	names map[string]graph.LayerID
}

func (s *scripted) handle(t *testing.T, d *script.Stanza) string {
	if d.Cmd == "let" {
		for _, line := range d.Lines() {
			if err := s.let(line); err != nil {
				return fmt.Sprintf("error: %s: %v\n", line, err)
			}
		}
		return ""
	}
	want, ok := s.names[d.Words()[0]]
	if !ok {
		t.Fatalf("%s: no layer is called %s", d.Pos, d.Words()[0])
	}
	p := &optimize.Plan{Graph: &s.g, Want: want}
	if d.Cmd == "optimize" {
		var err error
		if p, err = s.optimize(t, d, want); err != nil {
			return "error: " + err.Error() + "\n"
		}
	} else if d.Cmd != "plan" {
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	for _, at := range list(d.Str("cut", "")) {
		if err := cutLast(p, at); err != nil {
			return "error: " + err.Error() + "\n"
		}
	}
	if d.Has("picture") {
		return optimize.Picture(p)
	}
	return optimize.Text(p, nil)
}

// cutLast cuts a layer as it is done when its side inputs are too large.
func cutLast(p *optimize.Plan, at string) error {
	n, err := strconv.Atoi(at)
	if err != nil {
		return err
	}
	for i := len(p.Graph.Layers) - 1; i >= 0; i-- {
		if l := &p.Graph.Layers[i]; !l.Spare && len(l.Cuts) > 0 {
			_, _, err := (&shell.Plan{Layers: p.Graph.Layers}).Cut(sched.LayerID(i), int32(n))
			return err
		}
	}
	return fmt.Errorf("no layer may be cut")
}

func (s *scripted) optimize(t *testing.T, d *script.Stanza, want graph.LayerID) (*optimize.Plan, error) {
	memory := int64(d.Int(t, "memory", 0)) << 20
	if rule := d.Str("rule", ""); rule != "" {
		p := &optimize.Plan{Graph: s.g.Clone(), Want: want, Budget: memory, Alone: d.Has("alone")}
		for _, name := range append([]string{"cull"}, strings.Split(rule, ",")...) {
			i := slices.Index(optimize.Names(), name)
			if i < 0 {
				t.Fatalf("%s: no pass is called %s", d.Pos, name)
			}
			if err := optimize.Passes[i].Run(p); err != nil {
				return nil, err
			}
			if err := optimize.Verify(p); err != nil {
				t.Errorf("%s: after %s: %v\n%s", d.Pos, name, err, optimize.Text(p, nil))
			}
		}
		return p, nil
	}
	o := optimize.Options{Budget: memory, Threads: d.Int(t, "threads", 1), Observe: func(pass string, p *optimize.Plan) error { return optimize.Verify(p) }}
	if off := d.Str("off", ""); off != "" {
		o.Off = strings.Split(off, ",")
	}
	return optimize.Run(&s.g, want, o)
}

// let adds the layer that a line describes.
func (s *scripted) let(line string) error {
	name, rest, ok := strings.Cut(line, " = ")
	if !ok {
		return fmt.Errorf("want name = verb …")
	}
	words := fields(rest)
	verb := words[0]
	args := map[string]string{}
	l := graph.Layer{}
	var in []op.Meta
	for _, w := range words[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			args[k] = v
			continue
		}
		id, ok := s.names[w]
		if !ok {
			return fmt.Errorf("no layer is called %s", w)
		}
		l.In = append(l.In, graph.Edge{From: id})
		in = append(in, s.g.Layers[id].Out)
	}
	var err error
	if l.Call, l.Out, err = call(verb, args, in); err != nil {
		return err
	}
	l.Origin = args["at"]
	if n, ok := args["n"]; ok {
		x, err := strconv.Atoi(n)
		if err != nil {
			return err
		}
		l.N = int32(x)
	}
	s.names[name] = s.g.Add(l)
	return nil
}

// fields splits at spaces outside of quotes, double or single, and drops these.
func fields(s string) []string {
	var out []string
	var quote rune
	word, any := "", false
	for _, r := range s + " " {
		switch {
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case r == quote:
			quote = 0
		case r == ' ' && quote == 0:
			if any {
				out = append(out, word)
			}
			word, any = "", false
			continue
		default:
			word += string(r)
		}
		any = true
	}
	return out
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func call(verb string, a map[string]string, in []op.Meta) (op.Call, op.Meta, error) {
	num := func(key string, def float64) float64 {
		if x, err := strconv.ParseFloat(a[key], 64); err == nil {
			return x
		}
		return def
	}
	switch verb {
	case "scan":
		p := scanParams{File: a["file"], N: int(num("blocks", 1)), Rows: num("rows", 1000), Small: a["small"] != ""}
		for _, c := range list(a["cols"]) {
			if name, n, ok := strings.Cut(c, "~"); ok { // so many values
				c = name
				x, err := strconv.ParseFloat(n, 64)
				if err != nil {
					return op.Call{}, op.Meta{}, err
				}
				p.Values = append(p.Values, x)
			}
			typ := dtype.Of(dtype.Int64)
			if name, ok := strings.CutSuffix(c, ":f"); ok {
				c, typ = name, dtype.Of(dtype.Float64)
			}
			p.Schema = append(p.Schema, dtype.Field{Name: c, Type: typ})
		}
		return scanOp.Call(p)
	case "filter":
		return rows.Filter.Call(rows.FilterParams{Pred: predicate(a["where"])}, in...)
	case "project":
		p := rows.ProjectParams{}
		for _, c := range list(a["cols"]) {
			p.Exprs = append(p.Exprs, term(c))
		}
		return rows.Project.Call(p, in...)
	case "with":
		p := rows.WithParams{}
		for _, c := range list(a["cols"]) {
			p.Exprs = append(p.Exprs, term(c))
		}
		return rows.With.Call(p, in...)
	case "join":
		kind := slices.Index([]string{"inner", "left", "semi", "anti", "full"}, a["how"])
		p := join.Params{Left: list(a["on"]), Right: list(a["on"]), Kind: join.Kind(max(0, kind))}
		for i, k := range p.Left { // left=right, or one name for both
			if l, r, ok := strings.Cut(k, "="); ok {
				p.Left[i], p.Right[i] = l, r
			}
		}
		return join.Hash.Call(p, in...)
	case "sum":
		return sumOp.Call(sumParams{Keys: list(a["by"]), Sums: list(a["of"])}, in...)
	case "union":
		return unionOp.Call(struct{}{}, in...)
	case "sort":
		return sortOp.Call(sortParams{By: a["by"]}, in...)
	case "limit":
		return limitOp.Call(limitParams{int64(num("rows", 0))}, in...)
	case "call":
		return callOp.Call(callParams{a["fn"]}, in...)
	case "pure":
		return pureOp.Call(callParams{a["fn"]}, in...)
	case "single":
		return rows.Single.Call(struct{}{}, in...)
	}
	return realCall(verb, a, in)
}

// predicate reads the text form of an expression.
func predicate(s string) expr.Expr {
	e, err := expr.Parse(s)
	if err != nil {
		return expr.Lit(struct{}{})
	}
	return e
}

// term reads a column, a number, or "new:a+b": a sum with a name.
func term(s string) expr.Expr {
	if name, sum, ok := strings.Cut(s, ":"); ok {
		return term(sum).As(name)
	}
	var e expr.Expr
	for i, x := range strings.Split(s, "+") {
		t := expr.Col(x)
		if n, err := strconv.ParseInt(x, 10, 64); err == nil {
			t = expr.Lit(n)
		}
		if e = t; i > 0 {
			e = term(strings.Join(strings.Split(s, "+")[:i], "+")).Add(t)
		}
	}
	return e
}
