package frame_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// A star is random tables in files: facts, with keys of three others, one of which has
// a key of a fourth. Keys repeat, are missing on either side, and are null.
type star struct {
	rnd    *rand.Rand
	tables map[string]*frame.Frame
}

func newStar(t *testing.T, r *local.Runner, rnd *rand.Rand) *star {
	s := &star{rnd, map[string]*frame.Frame{}}
	dir := t.TempDir()
	for _, x := range []struct {
		name string
		rows int
		keys map[string]int // columns with values below
	}{
		{"facts", 40_000, map[string]int{"fa": 3000, "fb": 200, "fc": 40, "v": 100}},
		{"as", 3000, map[string]int{"a": 3000, "ad": 25, "x": 50}},
		{"bs", 200, map[string]int{"b": 250, "y": 10}},
		{"cs", 60, map[string]int{"c": 50, "z": 5}},
		{"ds", 25, map[string]int{"d": 30, "w": 5}},
	} {
		var text strings.Builder
		names := sortedKeys(x.keys)
		text.WriteString(strings.Join(names, ",") + "\n")
		for range x.rows {
			for i, n := range names {
				if i > 0 {
					text.WriteByte(',')
				}
				if rnd.IntN(20) > 0 {
					fmt.Fprint(&text, rnd.IntN(x.keys[n]))
				} else if len(names) == 1 {
					text.WriteString("0")
				}
			}
			text.WriteByte('\n')
		}
		csv := filepath.Join(dir, x.name+".csv")
		if err := os.WriteFile(csv, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, x.name+".parquet")
		if _, err := frame.ReadCSV(csv).WriteParquet(t.Context(), r, file); err != nil {
			t.Fatal(err)
		}
		s.tables[x.name] = frame.ReadParquet(file)
	}
	return s
}

func sortedKeys(m map[string]int) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// filtered is a table, often with a test of one of its columns.
func (s *star) filtered(name string, col string, below int) *frame.Frame {
	f := s.tables[name]
	switch s.rnd.IntN(4) {
	case 0:
		return f.Filter(frame.Col(col).Eq(s.rnd.IntN(below)))
	case 1:
		return f.Filter(frame.Col(col).Lt(s.rnd.IntN(below)))
	}
	return f
}

// plan joins the tables in a random order, some with what is to be derived or reduced.
func (s *star) plan() *frame.Frame {
	on := func(l, r string, kind frame.JoinKind) frame.JoinOn {
		return frame.JoinOn{Kind: kind, Left: []string{l}, Right: []string{r}}
	}
	f := s.filtered("facts", "v", 100)
	sums := s.tables["facts"].GroupBy("fa").Agg(frame.Sum("v").As("sum"), frame.Count().As("n")).Rename(map[string]string{"fa": "sa"})
	steps := []func(){
		func() { f = f.JoinOn(s.filtered("bs", "y", 10), on("fb", "b", frame.Inner)) },
		func() { f = f.JoinOn(s.filtered("cs", "z", 5), on("fc", "c", frame.Inner)) },
		func() {
			f = f.JoinOn(s.filtered("as", "a", 3000), on("fa", "a", frame.Inner)).
				JoinOn(s.filtered("ds", "w", 5), on("ad", "d", frame.Inner))
		},
	}
	s.rnd.Shuffle(len(steps), func(i, k int) { steps[i], steps[k] = steps[k], steps[i] })
	for _, step := range steps {
		step()
	}
	if s.rnd.IntN(2) == 0 {
		either := func(n int) expr.Expr { return frame.Col("y").Eq(n).And(frame.Col("w").Eq(s.rnd.IntN(5))) }
		f = f.Filter(either(1).Or(either(2)).Or(either(3)))
	}
	few := s.tables["as"].Filter(frame.Col("a").Lt(s.rnd.IntN(300)))
	switch s.rnd.IntN(4) {
	case 0:
		f = few.JoinOn(sums, on("a", "sa", frame.Inner))
	case 1:
		f = few.JoinOn(s.tables["facts"], on("a", "fa", frame.Semi))
	case 2:
		f = few.JoinOn(s.tables["facts"], on("a", "fa", frame.Anti))
	}
	return f
}

// Plans by statistics have the rows of the plan as it was built.
func TestPlanningChangesNoRows(t *testing.T) {
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	passes := []string{"derive", "joins", "reduce"}
	changed, seeds := map[string]int{}, effort.Of(4, 2)
	for seed := range uint64(seeds) {
		s := newStar(t, r, rand.New(rand.NewPCG(seed, 3)))
		for range 10 {
			f := s.plan()
			want := planned(t, r, f, passes...)
			for i := range passes {
				off := append(slices.Clone(passes[:i]), passes[i+1:]...)
				if got := planned(t, r, f, off...); !slices.Equal(got.rows, want.rows) {
					t.Fatalf("seed %d, with %s: %d rows, want %d\n%s", seed, passes[i], len(got.rows), len(want.rows), got.text)
				} else if got.text != want.text {
					changed[passes[i]]++
				}
			}
			if got := planned(t, r, f); !slices.Equal(got.rows, want.rows) {
				t.Fatalf("seed %d: %d rows, want %d\n%s", seed, len(got.rows), len(want.rows), got.text)
			}
		}
	}
	for _, p := range passes {
		if 4*changed[p] < 3*seeds {
			t.Errorf("%s changed %d plans of %d", p, changed[p], 10*seeds)
		}
	}
}

type plannedRows struct {
	rows []string // sorted
	text string   // the plan
}

func planned(t *testing.T, r *local.Runner, f *frame.Frame, off ...string) plannedRows {
	t.Helper()
	tab, err := f.Collect(context.Background(), r, frame.Without(off...))
	if err != nil {
		t.Fatal(err)
	}
	rep, err := f.Explain(context.Background(), r, frame.Without(off...))
	if err != nil {
		t.Fatal(err)
	}
	out := plannedRows{text: rep.After}
	for i := range int(tab.NumRows()) {
		out.rows = append(out.rows, fmt.Sprint(tab.Row(i)))
	}
	slices.Sort(out.rows)
	return out
}

// The pairs of a join with a condition are found once, whoever needs them.
func TestPairsOnce(t *testing.T) {
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	s := newStar(t, r, rand.New(rand.NewPCG(1, 3)))
	for _, kind := range []frame.JoinKind{frame.Left, frame.Right, frame.Full, frame.Semi, frame.Anti} {
		rep, err := s.tables["as"].JoinOn(s.tables["ds"], frame.JoinOn{Kind: kind, Left: []string{"ad"}, Right: []string{"d"},
			Where: expr.Col("x").Lt(expr.Col("w"))}).Explain(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(rep.After, "join.probe(inner on"); n != 1 {
			t.Errorf("kind %v: %d joins\n%s", kind, n, rep.After)
		}
	}
}
