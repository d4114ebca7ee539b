package csv

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// fakeTask is a task without a node around it.
type fakeTask struct {
	mem.Allocator
	ctx     context.Context
	block   int
	threads int
	mu      sync.Mutex
	counts  map[string]int64
}

func newTask(block, threads int) *fakeTask {
	return &fakeTask{Allocator: mem.Heap, ctx: context.Background(), block: block, threads: threads, counts: map[string]int64{}}
}

func (t *fakeTask) Context() context.Context { return t.ctx }
func (t *fakeTask) Block() int               { return t.block }
func (t *fakeTask) Threads() int             { return t.threads }
func (t *fakeTask) Shared() mem.Allocator    { return mem.Heap }
func (t *fakeTask) Reserve(int64) bool       { return true }
func (t *fakeTask) Release(int64)            {}
func (t *fakeTask) Budget() int64            { return 1 << 30 }
func (t *fakeTask) Spill(dtype.Schema, int) (*spill.File, error) {
	return nil, fmt.Errorf("no spill")
}
func (t *fakeTask) Count(name string, n int64) {
	t.mu.Lock()
	t.counts[name] += n
	t.mu.Unlock()
}
func (t *fakeTask) Fork(n int, f func(int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() { defer wg.Done(); errs[i] = f(i) }()
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// rowsSink keeps the rows of every morsel as text, by Seq.
type rowsSink struct {
	mu   *sync.Mutex
	into map[uint64][][]string
	tb   testing.TB
}

func (s rowsSink) Push(m *chunk.Batch) error {
	rows := make([][]string, m.N)
	for i := range rows {
		for c := range m.Cols {
			rows[i] = append(rows[i], show(&m.Cols[c], i))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, dup := s.into[m.Seq]; dup {
		s.tb.Errorf("two morsels have Seq %x", m.Seq)
	}
	s.into[m.Seq] = rows
	return nil
}

const null = "<null>"

func show(v *chunk.Vec, i int) string {
	if v.IsNull(i) {
		return null
	}
	switch v.Type.Kind {
	case dtype.Bool:
		return strconv.FormatBool(v.Bool(i))
	case dtype.Int8:
		return fmt.Sprint(chunk.Values[int8](v)[i])
	case dtype.Int16:
		return fmt.Sprint(chunk.Values[int16](v)[i])
	case dtype.Int32:
		return fmt.Sprint(chunk.Values[int32](v)[i])
	case dtype.Int64:
		return fmt.Sprint(chunk.Values[int64](v)[i])
	case dtype.Uint8:
		return fmt.Sprint(chunk.Values[uint8](v)[i])
	case dtype.Uint16:
		return fmt.Sprint(chunk.Values[uint16](v)[i])
	case dtype.Uint32:
		return fmt.Sprint(chunk.Values[uint32](v)[i])
	case dtype.Uint64:
		return fmt.Sprint(chunk.Values[uint64](v)[i])
	case dtype.Float32:
		return strconv.FormatFloat(float64(chunk.Values[float32](v)[i]), 'g', -1, 32)
	case dtype.Float64:
		f := chunk.Values[float64](v)[i]
		if f == 0 && math.Signbit(f) {
			return "-0"
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	case dtype.Date:
		return time.Unix(int64(chunk.Values[int32](v)[i])*86400, 0).UTC().Format("2006-01-02")
	case dtype.Timestamp:
		u := chunk.Values[int64](v)[i]
		per := v.Type.Unit.PerSecond()
		s := u / per
		if u%per < 0 {
			s--
		}
		t := time.Unix(s, (u-s*per)*(1e9/per)).UTC()
		return t.Format("2006-01-02T15:04:05.999999999")
	case dtype.Decimal128:
		return fmt.Sprintf("%x", chunk.Values[[16]byte](v)[i])
	}
	return strings.Clone(v.Text(i))
}

// collect reads all blocks of p and returns the rows in order. order chooses the
// order in which the splits of a block are read; nil means ascending on two
// threads.
func collect(tb testing.TB, p ReadParams, chunkSize int, order func(n int) []int) ([][]string, error) {
	tb.Helper()
	src, err := newSource(p)
	if err != nil {
		return nil, err
	}
	s := src.(*source)
	if chunkSize > 0 {
		s.chunk, s.piece = chunkSize, chunkSize
	}
	sink := rowsSink{new(sync.Mutex), map[uint64][][]string{}, tb}
	for b := range s.blocks {
		if err := collectBlock(s, b, sink, order); err != nil {
			return nil, err
		}
	}
	var seqs []uint64
	for k := range sink.into {
		seqs = append(seqs, k)
	}
	sort.Slice(seqs, func(i, j int) bool { return seqs[i] < seqs[j] })
	var rows [][]string
	for _, k := range seqs {
		rows = append(rows, sink.into[k]...)
	}
	return rows, nil
}

func collectBlock(s *source, b int, sink op.Sink, order func(n int) []int) error {
	threads := 2
	if order != nil {
		threads = 1
	}
	t := newTask(b, threads)
	feed, err := s.Open(t, nil)
	if err != nil {
		return err
	}
	defer feed.Close()
	splits := make([]int, feed.Splits())
	for i := range splits {
		splits[i] = i
	}
	if order != nil {
		splits = order(len(splits))
	}
	var mu sync.Mutex
	next := 0
	return t.Fork(threads, func(int) error {
		r, err := feed.Reader()
		if err != nil {
			return err
		}
		defer r.Close()
		for {
			mu.Lock()
			i := next
			next++
			mu.Unlock()
			if i >= len(splits) {
				return nil
			}
			if err := r.Read(splits[i], sink); err != nil {
				return err
			}
		}
	})
}

func writeFile(tb testing.TB, name, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// table formats rows for comparison.
func table(rows [][]string) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%q\n", r)
	}
	return b.String()
}

func descend(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = n - 1 - i
	}
	return out
}
