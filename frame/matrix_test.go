package frame_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/weft-data/weft/frame"
)

func TestColumnsAndMatrices(t *testing.T) {
	r := roomy(t)
	ctx := context.Background()
	f := frame.FromColumns(frame.Values("i", []int32{1, -2, 3}), frame.Values("x", []*float64{ptr(0.5), nil, ptr(math.Inf(1))}),
		frame.Values("b", []bool{true, false, true}), frame.Values("s", []string{"a", "", "<c>"}))
	tab, err := f.Collect(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := tab.Matrix("x", "i", "b")
	if err != nil {
		t.Fatal(err)
	}
	want := mat.NewDense(3, 3, []float64{0.5, 1, 1, math.NaN(), -2, 0, math.Inf(1), 3, 1})
	for i := range 3 {
		for j := range 3 {
			if a, b := m.At(i, j), want.At(i, j); a != b && (a == a || b == b) {
				t.Errorf("at %d, %d: %v, want %v", i, j, a, b)
			}
		}
	}
	back, err := frame.FromMatrix(m.T(), "a", "b", "c").Filter(frame.Col("a").Gt(0.6)).Collect(ctx, r)
	if err != nil || back.NumRows() != 2 || back.Value(0, 1) != -2.0 {
		t.Errorf("%v, %v", back, err)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{second(tab.Matrix()), `column "s" is utf8`},
		{second(tab.Matrix("y")), `no column "y"`},
		{frame.FromColumns().Err(), "no columns"},
		{frame.FromColumns(frame.Values("a", []int{1}), frame.Values("b", []int{1, 2})).Err(), `column "b" has 2 values, "a" has 1`},
		{frame.FromColumns(frame.Values("a", []complex64{1})).Err(), `column "a"`},
		{frame.FromColumns(frame.Values("a", []int{1}), frame.Values("a", []int{1})).Err(), "two columns"},
		{frame.FromMatrix(m, "a").Err(), "1 names for the 3 columns"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v: want %q", c.err, c.want)
		}
	}
	none, err := f.Head(0).Collect(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Matrix("x"); err == nil || !strings.Contains(err.Error(), "no rows") {
		t.Errorf("%v: want no rows", err)
	}
}

func second[A any](_ A, err error) error { return err }

func TestHTML(t *testing.T) {
	r := roomy(t)
	n := make([]int, 30)
	for i := range n {
		n[i] = i
	}
	tab, err := frame.FromColumns(frame.Values("<n>", n), frame.Values("s", make([]*string, 30))).Collect(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	h := tab.MIMEBundle()["text/html"]
	for _, want := range []string{`<th style="text-align:right">&lt;n&gt;</th><th>s</th>`, "<th>utf8</th>", `<td style="text-align:right">9</td><td>null</td></tr>`,
		`…</td><td>…</td></tr>`, `>20</td>`, `>29</td>`, "<p>30 rows × 2 columns</p>"} {
		if !strings.Contains(h, want) {
			t.Errorf("no %q in\n%s", want, h)
		}
	}
	if strings.Count(h, "<tr>") != 2+20+1 || strings.Contains(h, ">10</td>") {
		t.Errorf("want 20 rows and the dots:\n%s", h)
	}
	if p := tab.MIMEBundle()["text/plain"]; !strings.Contains(p, "30 rows × 2 columns") {
		t.Error(p)
	}
}
