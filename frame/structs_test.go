package frame_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

type every struct {
	B   bool `weft:"b"`
	I8  int8
	I16 int16
	I32 int32
	I64 int64
	I   int
	U8  uint8
	U16 uint16
	U32 uint32
	U64 uint64
	U   uint
	F32 float32
	F64 float64 `weft:"f"`
	S   string
	Raw []byte
	At  time.Time
	For time.Duration
	PB  *bool
	PI  *int
	PF  *float64
	PS  *string
	PT  *time.Time
	Out []int `weft:"-"`
}

func ptr[T any](x T) *T { return &x }

func roomy(t testing.TB) *local.Runner {
	r := local.New(local.Options{Threads: 2, Pool: 64 << 20, SpillDir: t.TempDir()})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestStructsInAndOut(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 30, 0, 123456789, time.UTC)
	want := []every{
		{true, math.MinInt8, math.MinInt16, math.MinInt32, math.MinInt64, -1, math.MaxUint8, math.MaxUint16, math.MaxUint32, math.MaxUint64, 7,
			1.5, math.Inf(-1), "a b", []byte{0, 255}, at, time.Hour, ptr(true), ptr(3), ptr(0.25), ptr(""), ptr(at), nil},
		{S: "", Raw: nil, At: time.Unix(0, 0).UTC()},
		{S: strings.Repeat("long ", 1000), Raw: []byte{}, At: time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC), PI: ptr(0)},
	}
	r := roomy(t)
	f := frame.FromStructs(want)
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	got, err := frame.Decode[every](context.Background(), r, f)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	none, err := frame.Decode[every](context.Background(), r, frame.FromStructs([]every{}))
	if err != nil || len(none) != 0 {
		t.Errorf("%v, %v: want no rows", none, err)
	}
	tab, err := f.Collect(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := frame.Column[string](tab, "S"); err != nil || len(s) != 3 || s[0] != "a b" {
		t.Errorf("%v, %v", s, err)
	}
	if p, err := frame.Column[*int](tab, "PI"); err != nil || len(p) != 3 || *p[0] != 3 || p[1] != nil || *p[2] != 0 {
		t.Errorf("%v, %v", p, err)
	}
	if again, err := frame.DecodeTable[every](tab); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("%v, %v", again, err)
	}
}

// TestDecodeConverts holds numbers to fit, whatever widths there are.
func TestDecodeConverts(t *testing.T) {
	r := roomy(t)
	ctx := context.Background()
	type num struct{ X float64 }
	type small struct{ X int8 }
	type big struct{ X uint64 }
	type narrow struct{ X float32 }
	ints := frame.FromStructs([]struct{ X int64 }{{1}, {-128}})
	if v, err := frame.Decode[small](ctx, r, ints); err != nil || v[1].X != -128 {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := frame.Decode[num](ctx, r, ints); err != nil || v[1].X != -128 {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := frame.Decode[narrow](ctx, r, frame.FromStructs([]num{{0.5}, {math.NaN()}})); err != nil || v[0].X != 0.5 || v[1].X == v[1].X {
		t.Errorf("%v, %v", v, err)
	}
	for name, err := range map[string]error{
		"does not fit into field X of frame_test.small": decodes[small](r, frame.FromStructs([]struct{ X int64 }{{128}})),
		"does not fit into field X of frame_test.big":   decodes[big](r, ints),
		"does not fit into field X of frame_test.num":   decodes[num](r, frame.FromStructs([]struct{ X uint64 }{{math.MaxUint64}})),
		"a float32":       decodes[narrow](r, frame.FromStructs([]num{{0.1}})),
		"is null":         decodes[num](r, frame.FromStructs([]struct{ X *float64 }{{nil}})),
		"no column \"X\"": decodes[num](r, frame.FromStructs([]struct{ Y float64 }{{1}})),
		"cannot hold it":  decodes[num](r, frame.FromStructs([]struct{ X string }{{"1"}})),
		"is no struct":    decodes[int](r, ints),
		"want a bool":     decodes[struct{ X []string }](r, ints),
		"no exported":     decodes[struct{ x int }](r, ints),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: want an error with %q", err, name)
		}
	}
	if err := frame.FromStructs([]struct{ T time.Time }{{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)}}).Err(); err == nil || !strings.Contains(err.Error(), "1678 to 2261") {
		t.Errorf("%v: want a range of years", err)
	}
	if err := frame.FromStructs([]struct {
		A int `weft:"x"`
		B int `weft:"x"`
	}{}).Err(); err == nil || !strings.Contains(err.Error(), "two columns") {
		t.Errorf("%v: want two columns of one name", err)
	}
}

func decodes[T any](r *local.Runner, f *frame.Frame) error {
	_, err := frame.Decode[T](context.Background(), r, f)
	return err
}

type pair struct {
	K string   `weft:"k"`
	N *float64 `weft:"n"`
}

type twice struct {
	K string  `weft:"k"`
	D float64 `weft:"d"`
}

var double = op.Func("frame_test/double", func(_ context.Context, p pair) (twice, error) {
	if p.K == "bad" {
		return twice{}, errors.New("a bad key")
	}
	if p.N == nil {
		return twice{p.K, -1}, nil
	}
	return twice{p.K, 2 * *p.N}, nil
})

var repeat = op.Func("frame_test/repeat", func(_ context.Context, list []pair) ([]twice, error) {
	var out []twice
	for _, p := range list {
		if p.N != nil {
			for range int(*p.N) {
				out = append(out, twice{p.K, *p.N})
			}
		}
	}
	return out, nil
})

// Strings of Go are held to UTF-8 wherever they come into a table, as the text of CSV and JSON files is; bytes are not.
func TestStringsAreUTF8(t *testing.T) {
	long := strings.Repeat("é", 500)
	list := []pair{{"a", nil}, {long + "caf\xe9" + long, nil}}
	for name, err := range map[string]error{
		`row 1, column "k": "éééééééécaf\xe9ééééééééé" is not valid`: frame.FromStructs(list).Err(),
		`row 2, column "name": "caf\xe9" is not valid UTF-8`:         frame.FromColumns(frame.Values("name", []*string{ptr("é\ufffd"), nil, ptr("caf\xe9")})).Err(),
		`column "K": "caf\xe9" is not valid UTF-8`: decodes[struct{ K string }](roomy(t), frame.MapRows(frame.FromStructs(list[:1]),
			op.Closure(func(context.Context, pair) (struct{ K string }, error) { return struct{ K string }{"caf\xe9"}, nil }))),
	} {
		if err == nil || !strings.Contains(err.Error(), name) || len(err.Error()) > 300 {
			t.Errorf("%v, want %s", err, name)
		}
	}
	raw := [][]byte{[]byte("caf\xe9"), nil}
	if got, err := frame.FromColumns(frame.Values("raw", raw)).Collect(t.Context(), roomy(t)); err != nil || !reflect.DeepEqual(got.Value(0, 0), raw[0]) {
		t.Errorf("bytes: %v, %v", got, err)
	}
}

func TestMapRows(t *testing.T) {
	r := roomy(t)
	ctx := context.Background()
	in := frame.FromStructs([]pair{{"a", ptr(1.0)}, {"b", nil}, {"c", ptr(3.0)}}).WithColumns(expr.Lit(7).As("other"))
	f := frame.MapRows(in, double)
	if got := f.Schema().String(); got != "k utf8 not null, d float64 not null" && f.Schema().Index("d") != 1 {
		t.Errorf("schema %s", got)
	}
	want := []twice{{"a", 2}, {"b", -1}, {"c", 6}}
	if got, err := frame.Decode[twice](ctx, r, f); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v: want %v", got, err, want)
	}
	if got, err := frame.Decode[twice](ctx, r, f.Head(1)); err != nil || !reflect.DeepEqual(got, want[:1]) {
		t.Errorf("%v, %v", got, err)
	}
	local := frame.MapRows(f, op.Closure(func(_ context.Context, x twice) (struct{ L int }, error) { return struct{ L int }{int(x.D)}, nil }))
	if got, err := frame.Decode[struct{ L int64 }](ctx, r, local.Filter(frame.Col("L").Gt(0))); err != nil || len(got) != 2 || got[1].L != 6 {
		t.Errorf("%v, %v", got, err)
	}
	rep := frame.MapBatches(in, repeat).GroupBy("k").Agg(frame.Count().As("d")).Sort("k")
	if got, err := frame.Decode[twice](ctx, r, rep); err != nil || !reflect.DeepEqual(got, []twice{{"a", 1}, {"c", 3}}) {
		t.Errorf("%v, %v", got, err)
	}
	err := decodes[twice](r, frame.MapRows(frame.FromStructs([]pair{{"bad", nil}}), double))
	if err == nil || !strings.Contains(err.Error(), "frame_test/double: a bad key") {
		t.Errorf("%v: want the function and its error", err)
	}
	if err := frame.MapRows(in.Select("k"), double).Err(); err == nil || !strings.Contains(err.Error(), `no column "n"`) || !strings.Contains(err.Error(), "structs_test.go") {
		t.Errorf("%v: want the missing column and the line", err)
	}
	if err := frame.MapRows(in.WithColumns(expr.Col("n").Cast(dtype.Of(dtype.Utf8)).As("n")), double).Err(); err == nil || !strings.Contains(err.Error(), "cannot hold it") {
		t.Errorf("%v: want the type", err)
	}
}
