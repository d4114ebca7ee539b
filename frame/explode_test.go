package frame_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

// TestExplodeBesideOtherColumns: every element has the row it was in beside it, in order: texts of few and of many values, nulls and
// booleans, of lists of numbers and of texts some of which are null or empty or have nulls. Lists longer than a morsel are among them.
func TestExplodeBesideOtherColumns(t *testing.T) {
	const rows = 9000
	var few, many, lists []string
	var place []int64
	for i := range rows {
		few, many, place = append(few, fmt.Sprint("kind ", i/1000%3)), append(many, fmt.Sprint("row ", i)), append(place, int64(i))
		parts := make([]string, i%4)
		if i%3000 == 17 {
			parts = make([]string, 5000)
		}
		for k := range parts {
			parts[k] = strings.Repeat("x", (i+k)%5)
		}
		lists = append(lists, strings.Join(parts, ","))
	}
	i := frame.Col("i")
	text := expr.If(i.Mod(7).Eq(0)).Then(nil).Else(frame.Col("joined"))
	numbers := expr.If(i.Mod(5).Eq(0)).Then(nil).ElseIf(i.Mod(5).Eq(1)).Then(expr.ListOf(i, nil, i.Mul(2))).Else(expr.ListRange(0, i.Mod(5).Sub(2)))
	f := frame.FromColumns(frame.Values("i", place), frame.Values("few", few), frame.Values("many", many), frame.Values("joined", lists)).
		WithColumns(text.Str().Split(",").As("texts"), numbers.As("numbers"), i.Mod(2).Eq(0).As("even"), expr.If(i.Mod(3).Eq(0)).Then(nil).Else(frame.Col("many")).As("some")).
		Drop("joined")
	var wantTexts, wantNumbers []string
	for i := range rows {
		var some any = many[i]
		if i%3 == 0 {
			some = nil
		}
		beside := fmt.Sprint(i, few[i], many[i], i%2 == 0, some)
		if i%7 == 0 {
			wantTexts = append(wantTexts, beside+fmt.Sprint([]any{nil}))
		} else {
			for _, p := range strings.Split(lists[i], ",") {
				wantTexts = append(wantTexts, beside+fmt.Sprint([]any{p}))
			}
		}
		var numbers []any
		switch i % 5 {
		case 1:
			numbers = []any{int64(i), nil, int64(2 * i)}
		case 3:
			numbers = []any{int64(0)}
		case 4:
			numbers = []any{int64(0), int64(1)}
		default:
			numbers = []any{nil}
		}
		for _, x := range numbers {
			wantNumbers = append(wantNumbers, beside+fmt.Sprint([]any{x}))
		}
	}
	for _, threads := range []int{1, 2, 8} {
		r := local.New(local.Options{Threads: threads, Pool: 64 << 20, SpillDir: t.TempDir()})
		coded := filepath.Join(t.TempDir(), "rows.parquet")
		if _, err := f.WriteParquet(t.Context(), r, coded); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			f    *frame.Frame
			col  string
			want []string
		}{
			"texts":   {f.Drop("numbers").Explode("texts"), "texts", wantTexts},
			"codes":   {frame.ReadParquet(coded).Drop("numbers").Explode("texts"), "texts", wantTexts},
			"numbers": {f.Drop("texts").Explode("numbers"), "numbers", wantNumbers},
		} {
			tab, err := c.f.Select("i", "few", "many", "even", "some", c.col).Collect(t.Context(), r)
			if err != nil {
				t.Fatal(name, err)
			}
			if int(tab.NumRows()) != len(c.want) {
				t.Fatalf("%s, %d threads: %d rows, want %d", name, threads, tab.NumRows(), len(c.want))
			}
			for k, want := range c.want {
				row := tab.Row(k)
				if got := fmt.Sprint(row[:5]...) + fmt.Sprint(row[5:]); got != want {
					t.Fatalf("%s, %d threads: row %d is %s, want %s", name, threads, k, got, want)
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
