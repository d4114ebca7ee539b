package csv

import (
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// TestFixedAsCast reads decimals as a cast of their text does: the same ones, the same digits.
func TestFixedAsCast(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	const letters = "001234599..--+eE"
	b := &chunk.Batch{N: 20_000, Cols: []chunk.Vec{{Type: dtype.Type{Kind: dtype.Utf8}, N: 20_000, Off: []int32{0}}}}
	v := &b.Cols[0]
	for range b.N {
		for range 1 + r.IntN(9) {
			v.Str = append(v.Str, letters[r.IntN(len(letters))])
		}
		v.Off = append(v.Off, int32(len(v.Str)))
	}
	for _, typ := range []dtype.Type{dtype.DecimalOf(6, 2), dtype.DecimalOf(38, 0), dtype.DecimalOf(3, 3)} {
		p, err := expr.Compile(expr.Col("s").TryCast(typ), dtype.Schema{{Name: "s", Type: v.Type, Nullable: true}})
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.NewState().Eval(b)
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for i := range b.N {
			got, ok := parseFixed([]byte(v.Text(i)), int(typ.Precision), int(typ.Scale))
			if ok == want.IsNull(i) || ok && got != chunk.Values[[16]byte](want)[i] {
				t.Fatalf("%q is %x, %v as %s; the cast's null is %v", v.Text(i), got, ok, typ, want.IsNull(i))
			}
			if ok {
				read++
			}
		}
		if read < b.N/50 {
			t.Fatalf("only %d of %d texts are a %s", read, b.N, typ)
		}
	}
}
