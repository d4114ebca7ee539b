package strip

import (
	"slices"
	"testing"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/vec"
)

// TestInto: a result goes elsewhere for one run. The next one has more elements than there was place for, and leaves what
// was there alone.
func TestInto(t *testing.T) {
	k := elem.Float64
	code, err := Compile(Program{Leaves: []elem.Kind{k}, Steps: []Step{{Op: Binary(vec.Add), In: k, Out: k, A: Leaf(0), B: Leaf(0)}}}, []int32{0})
	if err != nil {
		t.Fatal(err)
	}
	s := code.NewState()
	run := func(n int, from float64) (want []float64) {
		x := View[float64](s.Buffer(0), n)
		for i := range x {
			x[i] = from + float64(i)
			want = append(want, 2*x[i])
		}
		s.Run(n)
		return want
	}
	elsewhere := make([]float64, 3, code.Length())
	s.Into(0, Raw(elsewhere))
	there := run(3, 1)
	here := run(code.Length(), 100)
	if got := s.Value(0); len(got) < 8*len(here) || !slices.Equal(View[float64](got, len(here)), here) {
		t.Errorf("%d bytes of other elements than were computed", len(got))
	}
	if !slices.Equal(elsewhere, there) {
		t.Errorf("%v where %v belongs", elsewhere, there)
	}
}
