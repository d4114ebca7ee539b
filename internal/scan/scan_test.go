package scan

import (
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// TestScan holds the small rules.
func TestScan(t *testing.T) {
	s := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}, {Name: "b", Type: dtype.Of(dtype.Utf8)}, {Name: "c", Type: dtype.Of(dtype.Bool)}}
	if got := Project(s, []int32{0, 1, 2}, []string{"c", "a"}); !slices.Equal(got, []int32{0, 2}) {
		t.Error(got)
	}
	if got := Pick(s, []int32{2, 0}).String(); got != "c bool, a int64" {
		t.Error(got)
	}
	w, ok := Take(expr.Expr{}, expr.Col("a").Gt(1))
	if !ok {
		t.Fatal("not taken")
	}
	if w, ok = Take(w, expr.Col("c")); !ok {
		t.Fatal("not taken")
	}
	if _, ok := Take(w, expr.Expr{}); ok {
		t.Error("nothing was taken")
	}
	if got := Text("x.csv", 3, 1, 2, w); got != `"x.csv" and 2 more; 1 of 2 columns; where a > 1 and c` {
		t.Error(got)
	}
	if _, err := Compile(w, s); err != nil {
		t.Error(err)
	}
	if _, err := Compile(expr.Col("b"), s); err == nil || !strings.Contains(err.Error(), "b is utf8, want a predicate") {
		t.Error(err)
	}
}
