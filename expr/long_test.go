package expr

import (
	"testing"

	"github.com/weft-data/weft/dtype"
)

// TestLongLists holds that work grows with the length of a list of conditions or of branches, and not with its square.
func TestLongLists(t *testing.T) {
	schema := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64), Nullable: true}}
	for name, f := range map[string]func(n int) Expr{
		"or": func(n int) Expr {
			c := Lit(false)
			for i := range n {
				c = c.Or(Col("a").Eq(i))
			}
			return c
		},
		"and": func(n int) Expr {
			c := Col("a").IsNotNull()
			for i := range n {
				c = c.And(Col("a").Ne(i))
			}
			return c
		},
		"case": func(n int) Expr {
			c := If(Col("a").Eq(0)).Then(0)
			for i := range n {
				c = c.ElseIf(Col("a").Eq(i + 1)).Then(i)
			}
			return c.Else(-1)
		},
	} {
		cost := func(n int) float64 {
			e := f(n)
			return testing.AllocsPerRun(1, func() {
				if _, err := Compile(Simplify(e), schema); err != nil {
					t.Fatal(err)
				}
			})
		}
		if short, long := cost(200), cost(1600); long > 12*short {
			t.Errorf("%s: %v allocations of 200, %v of 1600", name, short, long)
		}
	}
}
