package frame_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// A fact has the key of a row of its own, and of one of many that others share.
type fact struct {
	K    int64
	G    *int64
	Text string
}

// A part is a row that facts are joined with.
type part struct {
	Key  int64
	Name string
}

const unread = "rows left out by bounds of join keys"

// readFacts counts the rows that a run read of facts, and those it left out by keys.
func readFacts(rep graph.Report) (read, left int64) {
	for _, l := range rep.Layers {
		if _, ok := l.Counts["rows left out by statistics"]; ok {
			read, left = read+l.Rows, left+l.Counts["rows left out by join keys"]+l.Counts[unread]
		}
	}
	return read, left
}

// Rows for which a join of few rows gives nothing are left out by the reader, also when
// other joins stand between, and where plans do not know how few they are.
func TestRowsAreLeftOutByJoinKeys(t *testing.T) {
	const (
		rows  = 120_000
		tried = 8 * 4096 // rows that each thread tests before it sees that tests do not pay
	)
	facts := make([]fact, rows)
	for i := range facts {
		facts[i] = fact{K: int64(i), Text: fmt.Sprint("text ", i)}
		if g := int64(i*7) % 6000; i%100 > 0 {
			facts[i].G = &g
		}
	}
	many := make([]part, 5000)
	for i := range many {
		many[i] = part{int64(i), fmt.Sprint("name ", i)}
	}
	few := []part{{-1, "none"}, {5, "five"}, {70_000, "a"}, {70_001, "b"}, {70_001, "again"}, {rows - 1, "last"}, {1 << 40, "none"}}
	most := make([]part, rows/3*2)
	for i := range most {
		most[i] = part{int64(i/2*3 + i%2), "most"}
	}
	spread := make([]part, rows/10)
	for i := range spread {
		spread[i] = part{int64(10 * i), "tenth"}
	}
	on := func(kind frame.JoinKind, key string) frame.JoinOn {
		return frame.JoinOn{Kind: kind, Left: []string{key}, Right: []string{"Key"}, Suffix: "_" + key}
	}
	for _, threads := range effort.Some(1, []int{4, 1}) {
		r := local.New(local.Options{Threads: threads})
		defer r.Close()
		file := filepath.Join(t.TempDir(), "facts.parquet")
		inMemory := frame.FromStructs(facts)
		if _, err := inMemory.WriteParquetWith(t.Context(), r, file, frame.ParquetOptions{RowGroupRows: 50_000}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			most int64 // rows read
			plan func(f *frame.Frame) *frame.Frame
		}{
			{"few keys behind a join", 5 * 4096, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs(many), on(frame.Inner, "G")).JoinOn(frame.FromStructs(few), on(frame.Inner, "K"))
			}},
			{"few keys behind a left join", 5 * 4096, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs(many), on(frame.Left, "G")).JoinOn(frame.FromStructs(few), on(frame.Semi, "K"))
			}},
			{"no keys", 0, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs(few).Filter(frame.Col("Key").Lt(-5)), on(frame.Inner, "K"))
			}},
			{"keys of every morsel", rows / 10, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs(spread), on(frame.Inner, "K"))
			}},
			{"keys of every other row", rows, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs(most), on(frame.Inner, "K"))
			}},
			{"a left join", rows, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs(few), on(frame.Left, "K"))
			}},
			{"rows without a partner", rows, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs(few), on(frame.Anti, "K"))
			}},
			{"keys that a join gives", rows, func(f *frame.Frame) *frame.Frame {
				named := frame.FromStructs(many).Select(frame.Col("Key").As("g"), frame.Col("Key").Mul(frame.Lit(2)).As("twice"))
				return f.JoinOn(named, frame.JoinOn{Kind: frame.Left, Left: []string{"G"}, Right: []string{"g"}}).JoinOn(frame.FromStructs(few), on(frame.Inner, "twice"))
			}},
		} {
			off := []string{"joins", "reduce"}
			want, got := planned(t, r, c.plan(inMemory), off...), planned(t, r, c.plan(frame.ReadParquet(file)), off...)
			if !slices.Equal(got.rows, want.rows) {
				t.Errorf("%s, %d threads: %d rows, want %d\n%s", c.name, threads, len(got.rows), len(want.rows), got.text)
			}
			rep, err := c.plan(frame.ReadParquet(file)).Analyze(context.Background(), r, frame.Without(off...))
			if err != nil {
				t.Fatal(err)
			}
			read, left := readFacts(rep)
			if read > c.most || c.most == rows && left > tried*int64(threads) || read+left != rows {
				t.Errorf("%s, %d threads: %d rows were read and %d left out, want at most %d and the rest\n%s", c.name, threads, read, left, c.most, rep.After)
			}
		}
	}
}

// Parts of files whose least and greatest values, or paths, show that no row has a match are not read: pages, row
// groups and files, with keys of few rows and of many, of one column and of two, and with another condition.
func TestPartsAreLeftOutByJoinKeys(t *testing.T) {
	const rows, perDay = 120_000, 1000
	type event struct {
		At, User int64
		Day      int32
		None     *int64
	}
	events := make([]event, rows)
	for i := range events {
		events[i] = event{At: int64(i) - rows/2, User: int64(i*7) % 500, Day: int32(i / perDay)}
	}
	seconds := func(lo, hi, step int64) *frame.Frame {
		var out []part
		for k := lo; k < hi; k += step {
			out = append(out, part{k - rows/2, fmt.Sprint("second ", k)})
		}
		return frame.FromStructs(out)
	}
	type day struct{ D int32 }
	type moment struct {
		A int64
		D int32
	}
	on := func(keys ...string) frame.JoinOn {
		return frame.JoinOn{Left: keys[:len(keys)/2], Right: keys[len(keys)/2:]}
	}
	for _, threads := range effort.Some(1, []int{3, 1}) {
		r := local.New(local.Options{Threads: threads})
		defer r.Close()
		dir := t.TempDir()
		file, folder := filepath.Join(dir, "events.parquet"), filepath.Join(dir, "days")
		inMemory := frame.FromStructs(events)
		if _, err := inMemory.WriteParquetWith(t.Context(), r, file, frame.ParquetOptions{RowGroupRows: 50_000}); err != nil {
			t.Fatal(err)
		}
		if _, err := inMemory.WriteParquetFolder(t.Context(), r, folder, frame.ParquetFolderOptions{By: []string{"Day"}}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name   string
			folder bool
			unread int64 // rows
			plan   func(f *frame.Frame) *frame.Frame
		}{
			{"a page", false, rows - 20_480, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(seconds(55_000, 55_010, 3), on("At", "Key"))
			}},
			{"two ends", false, rows - 20_480 - 20_000, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(seconds(7, rows, rows-8), on("At", "Key"))
			}},
			{"many keys of one row group", false, 70_000, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(seconds(52_000, 99_000, 2), on("At", "Key"))
			}},
			{"none", false, rows, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(seconds(rows, rows+5, 1), on("At", "Key"))
			}},
			{"no keys", false, 0, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(seconds(0, 5, 1).Filter(frame.Col("Key").Gt(rows)), on("At", "Key"))
			}},
			{"nothing but nulls", false, rows, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(seconds(0, 5, 1), on("None", "Key"))
			}},
			{"keys of every part", false, 0, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs([]part{{0, "0"}, {499, "499"}, {1, "1"}}), on("User", "Key"))
			}},
			{"two columns", false, rows - 9_040 - 20_480, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs([]moment{{45_000 - rows/2, 45}, {51_000 - rows/2, 51}, {52_000 - rows/2, 51}}), on("At", "Day", "A", "D"))
			}},
			{"behind a condition", false, 20_480, func(f *frame.Frame) *frame.Frame {
				return f.Filter(frame.Col("At").Lt(-30_000)).JoinOn(seconds(10, 12, 1), on("At", "Key"))
			}},
			{"a left join", false, 0, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(seconds(10, 12, 1), frame.JoinOn{Kind: frame.Left, Left: []string{"At"}, Right: []string{"Key"}})
			}},
			{"files of three days", true, rows - 3*perDay, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs([]day{{7}, {100}, {8}, {-1}}), on("Day", "D"))
			}},
			{"behind columns that are made", true, rows - perDay, func(f *frame.Frame) *frame.Frame {
				return f.WithColumns(frame.Col("User").Gt(7).As("few"), frame.Col("Day").As("on")).JoinOn(frame.FromStructs([]day{{7}}), on("on", "D"))
			}},
			{"behind columns that can fail", true, 0, func(f *frame.Frame) *frame.Frame {
				return f.WithColumns(frame.Col("User").Mul(frame.Col("At")).As("product")).JoinOn(frame.FromStructs([]day{{7}}), on("Day", "D"))
			}},
			{"a file and a part of it", true, rows - perDay, func(f *frame.Frame) *frame.Frame {
				return f.JoinOn(frame.FromStructs([]moment{{9_500 - rows/2, 9}}), on("At", "Day", "A", "D"))
			}},
		} {
			path := file
			if c.folder {
				path = folder
			}
			off := []string{"joins", "reduce"}
			f := c.plan(frame.ReadParquet(path))
			want, got := planned(t, r, c.plan(inMemory.Select("At", "User", "None", "Day")), off...), planned(t, r, c.plan(frame.ReadParquet(path).Select("At", "User", "None", "Day")), off...)
			if !slices.Equal(got.rows, want.rows) {
				t.Errorf("%s, %d threads: %d rows, want %d\n%s", c.name, threads, len(got.rows), len(want.rows), got.text)
			}
			rep, err := f.Analyze(context.Background(), r, frame.Without(off...))
			if err != nil {
				t.Fatal(err)
			}
			left := int64(0)
			for _, l := range rep.Layers {
				left += l.Counts[unread]
			}
			if left != c.unread {
				t.Errorf("%s, %d threads: %d rows were left out by their bounds, want %d\n%s", c.name, threads, left, c.unread, rep.After)
			}
		}
	}
}
