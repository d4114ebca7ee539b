package csv

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/weft-data/weft/internal/kernel"
)

// quotedText writes records with quotes, and newlines in them if breaks says so, and returns how long they are at most.
func quotedText(r *rand.Rand, n, most int, breaks bool) (text []byte, longest int) {
	for range n {
		field := strings.Repeat("x", r.IntN(most))
		switch r.IntN(4) {
		case 0:
			field = `"` + field + `,"""`
		case 1:
			field = `"` + field + `"`
			if breaks {
				field = `"` + "\n" + strings.Trim(field, `"`) + `""` + "\n,\n" + `"`
			}
		}
		text = append(text, field+",y\n"...)
		longest = max(longest, len(field)+3)
	}
	return text, longest
}

// TestBorders: the state at the start of a split is what it is when all before it is looked at, whoever looks at what first, and however
// little of it.
func TestBorders(t *testing.T) {
	g := &grammar{delim: ',', quote: '"'}
	var marks []uint32
	saved := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		most := 1 + r.IntN(30)
		text, longest := quotedText(r, 200, most, seed%3 == 0)
		size := 1 + r.IntN(40)
		n := (len(text) + size - 1) / size
		cut := func(i int) passage {
			lo, hi, prev := i*size, min((i+1)*size, len(text)), byte('\n')
			if lo > 0 {
				prev = text[lo-1]
			}
			w := text[lo:hi]
			return g.passage(w, prev, kernel.CountQuotes(w, '"'), &marks)
		}
		all, want := make([]passage, n), make([]state, n+1)
		for i := range n {
			all[i] = cut(i)
			want[i+1] = all[i].to[want[i]]
		}
		var b borders
		b.init(n, int64(size), int64(longest)+2)
		var mu sync.Mutex
		looked := 0
		var wg sync.WaitGroup
		for w := range 3 {
			own := rand.New(rand.NewPCG(seed, uint64(w)+2))
			wg.Go(func() {
				for range 10 {
					split := own.IntN(n)
					if own.IntN(2) == 0 && b.claim(split) {
						if own.IntN(5) == 0 {
							b.abandon(split)
						} else {
							b.publish(split, all[split])
						}
					}
					got, err := b.state(split, func(i int) (passage, error) {
						mu.Lock()
						defer mu.Unlock()
						if looked++; looked%7 == 0 {
							return passage{}, fmt.Errorf("not now")
						}
						return all[i], nil
					})
					if err == nil && got != want[split] {
						t.Errorf("seed %d: split %d of %d begins in state %d, want %d", seed, split, n, got, want[split])
					}
				}
			})
		}
		wg.Wait()
		if looked < n/2 {
			saved++
		}
	}
	if saved == 0 {
		t.Error("most of every file was looked at")
	}
}

// TestFarBlocks: who reads the last block of a file looks at as much before it as a record may have, at less where quotes tell more; at all
// of it where quotes around newlines leave open what is a record.
func TestFarBlocks(t *testing.T) {
	quoted, broken := strings.Repeat("1,\"a,\"\"b\"\n", 30_000), strings.Repeat("1,\"a\nb\n\"\n", 30_000)
	for _, c := range []struct {
		name, text string
		o          Options
		most       int64 // splits that are looked at
	}{
		{"plain", strings.Repeat("1,ab\n", 60_000), Options{MaxRecordBytes: 20_000}, 6},
		{"plain, long records", strings.Repeat("1,ab\n", 60_000), Options{MaxRecordBytes: 1 << 20}, 73},
		{"quoted", quoted, Options{MaxRecordBytes: 1 << 20}, 1},
		{"newlines in quotes", broken, Options{MaxRecordBytes: 20_000}, 73},
	} {
		c.o.SplitBytes, c.o.BlockBytes, c.o.Header, c.o.Names = 4096, 65536, No, []string{"a", "b"}
		p := describe(t, c.o, writeFile(t, "x.csv", c.text))
		src, err := newSource(p)
		if err != nil {
			t.Fatal(err)
		}
		blocks := p.blocks()
		task := newTask(len(blocks)-1, 1)
		feed, err := src.Open(task, nil)
		if err != nil {
			t.Fatal(err)
		}
		rd, err := feed.Reader()
		if err != nil {
			t.Fatal(err)
		}
		sink := rowsSink{new(sync.Mutex), map[uint64][][]string{}, t}
		if err := rd.Read(0, sink); err != nil {
			t.Fatal(err)
		}
		rd.Close()
		feed.Close()
		looked, before := task.counts["splits read for their quotes"], blocks[len(blocks)-1][0].lo/4096
		if looked == 0 || looked > c.most || c.most > 6 && looked != before || before < 50 {
			t.Errorf("%s: looked at %d splits of %d before, want at most %d", c.name, looked, before, c.most)
		}
		for _, rows := range sink.into {
			for _, row := range rows {
				if len(row) != 2 || row[0] != "1" || row[1] != rows[0][1] {
					t.Fatalf("%s: a row is %q", c.name, row)
				}
			}
		}
	}
}

// TestRecordTooLongForItsPlace: a record that is longer than records may be, so that others take its lines for records, is an error.
func TestRecordTooLongForItsPlace(t *testing.T) {
	text := strings.Repeat("1,ab\n", 10_000) + "1,\"" + strings.Repeat("2,cd\n", 10_000) + "\"\n" + strings.Repeat("1,ab\n", 10_000)
	p := describe(t, Options{MaxRecordBytes: 20_000, SplitBytes: 4096, BlockBytes: 8192, Header: No, Names: []string{"a", "b"}}, writeFile(t, "x.csv", text))
	if rows, err := collect(t, p, 0, nil); err == nil || !strings.Contains(err.Error(), "MaxRecordBytes") {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
