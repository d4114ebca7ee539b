package rows_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/rows"
)

var schema = dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64), Nullable: true}, {Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true},
	{Name: "b", Type: dtype.Of(dtype.Bool), Nullable: true}, {Name: "d", Type: dtype.DecimalOf(10, 2)}}

// table makes n rows with nulls in every column but the last.
func table(n int) [][]any {
	out := make([][]any, n)
	for i := range out {
		r := []any{int64(i), fmt.Sprintf("text %d%s", i%17, strings.Repeat("x", i%23)), i%3 == 0, [16]byte{byte(i), byte(i >> 8)}}
		if i%5 == 4 {
			r[i%3] = nil
		}
		out[i] = r
	}
	return out
}

func filter(pred expr.Expr) func([]op.Meta) (op.Call, op.Meta, error) {
	return func(in []op.Meta) (op.Call, op.Meta, error) {
		return rows.Filter.Call(rows.FilterParams{Pred: pred}, in...)
	}
}

func TestFilterKeepsWholeRows(t *testing.T) {
	large := effort.Of(300000, 200000)
	for _, n := range []int{0, 1, 63, 64, 65, 1000, large} {
		data := table(n)
		var want [][]any
		for _, r := range data {
			if k, ok := r[0].(int64); ok && k%7 < 3 {
				want = append(want, r)
			}
		}
		for _, threads := range []int{1, 3} {
			for _, pool := range []int64{0, 3 << 20} {
				if n < large && pool > 0 {
					continue
				}
				in := optest.Rows(schema, data, 70000)
				in.Blocks = threads
				got, rep, err := optest.Run(t, optest.Options{Threads: threads, Pool: pool}, []optest.Table{in}, filter(expr.Col("k").Mod(7).Lt(3)))
				if err != nil {
					t.Fatal(err)
				}
				if pool > 0 && rep.Spilled == 0 {
					t.Errorf("%d rows in a pool of %d: nothing was spilled", n, pool)
				}
				if a, b := optest.Text(got), optest.Text(want); strings.Join(a, "\n") != strings.Join(b, "\n") {
					t.Fatalf("n %d threads %d pool %d: %d rows, want %d in this order", n, threads, pool, len(got), len(want))
				}
			}
		}
	}
}

func TestProject(t *testing.T) {
	p := rows.ProjectParams{Exprs: []expr.Expr{expr.Col("s").As("name"), expr.Col("k").Add(1).As("next"), expr.Lit("x").As("c")}}
	got, _, err := optest.Run(t, optest.Options{}, []optest.Table{optest.Rows(schema, table(3), 0)},
		func(in []op.Meta) (op.Call, op.Meta, error) { return rows.Project.Call(p, in...) })
	if err != nil || fmt.Sprint(got) != "[[text 0 1 x] [text 1x 2 x] [text 2xx 3 x]]" {
		t.Fatal(got, err)
	}
	p.Exprs[1] = expr.Col("nope")
	if _, _, err := rows.Project.Call(p, op.Meta{Schema: schema}); err == nil || !strings.Contains(err.Error(), `no column "nope"`) {
		t.Error(err)
	}
	if _, _, err := rows.Filter.Call(rows.FilterParams{Pred: expr.Col("k")}, op.Meta{Schema: schema}); err == nil || !strings.Contains(err.Error(), "needs a bool") {
		t.Error(err)
	}
}

func TestErrorOfARow(t *testing.T) {
	in := optest.Rows(schema, [][]any{{int64(1<<63 - 1), "a", true, [16]byte{}}}, 0)
	_, _, err := optest.Run(t, optest.Options{Threads: 2}, []optest.Table{in}, filter(expr.Col("k").Add(1).Gt(0)))
	if err == nil || !strings.Contains(err.Error(), "does not fit int64") {
		t.Error(err)
	}
}
