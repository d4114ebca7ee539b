package expr

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// word words value i of a column as examples do.
func word(v *chunk.Vec, i int) string {
	if v.Type.Kind.IsNested() && !v.IsNull(i) {
		return string(appendNested(nil, v.Type, []byte(v.Text(i))))
	}
	return plainText(literalAt(v, i))
}

// unfold replaces the constants of a tree by columns, but where a constant is
// wanted, so that the loops run and not what computes constants early.
type unfold struct {
	schema dtype.Schema
	batch  chunk.Batch
	n      int
}

func (u *unfold) node(n Node, null bool) Node {
	switch x := n.(type) {
	case Literal:
		if x.Type.Kind == dtype.Null || x.Null {
			return x
		}
		name := fmt.Sprint("c", len(u.schema))
		u.schema = append(u.schema, dtype.Field{Name: name, Type: x.Type, Nullable: true})
		v := &vector{}
		v.reset(x.Type, u.n)
		if x.Type.Kind.IsVar() {
			off := v.offsets()
			for i := range u.n {
				v.str = append(v.str, x.S...)
				off[i+1] = int32(len(v.str))
			}
			v.setText()
		} else {
			v.allocate()
			for i := range u.n {
				store(v, i, x)
			}
		}
		v.setNull(u.n - 1)
		if null {
			clear(v.ownValid())
		}
		u.batch.Cols = append(u.batch.Cols, v.Vec)
		return Column{name}
	case Func:
		args := make([]Node, len(x.Args))
		for i, a := range x.Args {
			if args[i] = a; !lookup(x.Fn).param(i).Const {
				args[i] = u.node(a, null)
			}
		}
		return Func{x.Fn, args}
	case Cast:
		x.X = u.node(x.X, null)
		return x
	}
	return n
}

func TestExamplesGiveWhatTheySay(t *testing.T) {
	for _, f := range Functions() {
		e, err := Parse(f.Example)
		if err != nil {
			t.Errorf("%s: the example %s: %v", f.Name, f.Example, err)
			continue
		}
		p, err := Compile(e, nil)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		v, err := p.NewState().Eval(&chunk.Batch{N: 3})
		if err != nil || word(v, 1) != f.Gives {
			t.Errorf("%s = %s, %v; want %s", f.Example, word(v, 1), err, f.Gives)
			continue
		}
		u := &unfold{n: 70}
		n := u.node(e.N, false)
		u.batch.N = u.n
		if p, err = Compile(Expr{N: n}, u.schema); err != nil {
			t.Errorf("%s over columns: %v", f.Name, err)
			continue
		}
		s := p.NewState()
		for range 2 { // scratch is used again
			if v, err = s.Eval(&u.batch); err != nil || v.N != u.n || word(v, 0) != f.Gives || word(v, 68) != f.Gives {
				t.Errorf("%s over columns: %v, %s; want %s\n%s", f.Example, err, word(v, 68), f.Gives, p.explain())
				break
			}
		}
		if f.Nulls != "" || len(u.schema) == 0 {
			continue
		}
		u = &unfold{n: 5}
		n = u.node(e.N, true)
		u.batch.N = u.n
		if p, err = Compile(Expr{N: n}, u.schema); err != nil {
			t.Fatal(err)
		}
		if v, err = p.NewState().Eval(&u.batch); err != nil || v.Nulls() != u.n && !seesNulls(e.N) {
			t.Errorf("%s of nulls: %v, %d nulls of %d", f.Name, err, v.Nulls(), u.n)
		}
	}
}

// seesNulls reports whether some function below n makes something of nulls.
func seesNulls(n Node) bool {
	found := false
	walk(n, func(n Node) bool {
		if f, ok := n.(Func); ok && lookup(f.Fn).Nulls != "" {
			found = true
		}
		return !found
	})
	return found
}

func TestRegistryIsComplete(t *testing.T) {
	for _, f := range Functions() {
		for what, s := range map[string]string{"doc": f.Doc, "result": f.Result, "example": f.Example, "value of the example": f.Gives} {
			if s == "" {
				t.Errorf("%s has no %s", f.Name, what)
			}
		}
		if !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: the doc ends without a full stop", f.Name)
		}
		for _, p := range f.Params {
			if _, ok := p.accept(operand{T: tNull}); !ok {
				t.Errorf("%s: parameter %s refuses null", f.Name, p.Name)
			}
			if _, known := paramTypes[p.Type]; !known {
				t.Errorf("%s: parameter %s has the unknown type %q", f.Name, p.Name, p.Type)
			}
		}
	}
}

// paramTypes are the words for what parameters take.
var paramTypes = map[string]bool{"any": true, "number": true, "integer": true, "amount": true, "float64": true, "int64": true, "bool": true, "text": true,
	"bytes": true, "time": true, "instant": true, "moment": true, "duration": true, "list": true, "struct": true}
