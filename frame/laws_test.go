package frame_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// A lazy runner fails when it is called.
type lazy struct{ calls int }

var errLazy = errors.New("something was computed")

func (l *lazy) Start(context.Context, graph.Request) (graph.Job, error) {
	l.calls++
	return nil, errLazy
}

// small writes a CSV file and reads it.
func small(t testing.TB, text string) *frame.Frame {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return frame.ReadCSV(path)
}

func TestVerbsAreLazy(t *testing.T) {
	f := small(t, "k,x,s\n1,2.5,a\n2,,b\n")
	verbs := map[string]*frame.Frame{
		"Select":      f.Select("k", frame.Col("x").Mul(2).As("y")),
		"WithColumns": f.WithColumns(frame.Col("x").Add(1).As("x")),
		"Filter":      f.Filter(frame.Col("k").Gt(0), frame.Col("x").IsNotNull()),
		"Rename":      f.Rename(map[string]string{"k": "key"}),
		"Drop":        f.Drop("s"),
		"Head":        f.Head(1),
		"Distinct":    f.Distinct("s"),
		"Sort":        f.Sort("k", frame.Desc("x")),
		"TopK":        f.TopK(1, "k"),
		"GroupBy":     f.GroupBy("s").Agg(frame.Sum("x"), frame.Median("k"), frame.Count()),
		"Largest":     f.GroupBy("s").Largest(1, "x"),
		"Join":        f.Join(f, frame.Left, "k"),
	}
	for name, v := range verbs {
		if err := v.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		l := &lazy{}
		if _, err := v.Collect(context.Background(), l); err != errLazy || l.calls != 1 {
			t.Errorf("%s: Collect called the runner %d times: %v", name, l.calls, err)
		}
	}
}

func TestMistakesStayAndNameTheLine(t *testing.T) {
	f := small(t, "price,volume\n1,2\n")
	_, _, line, _ := runtime.Caller(0)
	bad := f.Filter(frame.Col("prise").Gt(1)).Sort("volume").Head(3)
	want := fmt.Sprintf("laws_test.go:%d: Filter: ", line+1)
	err := bad.Err()
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), `nearest: "price"`) {
		t.Errorf("got %v, want %s…", err, want)
	}
	l := &lazy{}
	if _, e := bad.Collect(context.Background(), l); e == nil || l.calls != 0 || e.Error() != err.Error() {
		t.Errorf("Collect: %v, %d calls", e, l.calls)
	}
}

// sum hashes the rows of a frame; it does not depend on their order.
func sum(f *frame.Frame, r graph.Runner) (uint64, int64, error) {
	total, n := uint64(0), int64(0)
	for rec, err := range f.Iterate(context.Background(), r) {
		if err != nil {
			return 0, 0, err
		}
		tab := frame.Table{Schema: f.Schema()}
		tab.Records = append(tab.Records, rec)
		for i := range int(rec.NumRows()) {
			var b strings.Builder
			for c, v := range tab.Row(i) {
				fmt.Fprintf(&b, "%s\x1f", frame.Word(v, f.Schema()[c].Type))
			}
			total += xxh3.HashString(b.String())
			n++
		}
	}
	return total, n, nil
}

// sales makes a file of n rows: a string key of about keys values, a skewed
// second key, floats whose sum depends on their order, and nulls.
func sales(t testing.TB, path string, n, keys int, hot bool) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(file, 1<<20)
	fmt.Fprintln(w, "user,part,amount,qty,note")
	x := uint64(88172645463325252)
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		part := x >> 40 % 1000
		if hot && x>>20%10 < 9 {
			part = 7
		}
		note := "n" + strconv.FormatUint(x>>50, 10)
		if x%11 == 0 {
			note = ""
		}
		fmt.Fprintf(w, "customer-%d,%d,%d.%d,%d,%s\n", x%uint64(keys), part, int64(x>>33%200000)-100000, x>>44, x>>5%9, note)
	}
	if err := errors.Join(w.Flush(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// query is one plan through every kind of operator.
func query(path string) *frame.Frame {
	f := frame.ReadCSV(path).Filter(frame.Col("qty").Gt(0))
	perUser := f.GroupBy("user").Agg(frame.Sum("amount"), frame.Mean("amount").As("mean"), frame.Std("amount").As("std"),
		frame.First("note").As("first"), frame.Last("note").As("last"), frame.CountDistinct("part").As("parts"), frame.Count().As("n"))
	big := f.GroupBy("part").Agg(frame.Max("amount").As("top"))
	return f.Select("user", "part").Distinct().Join(big, frame.Inner, "part").
		GroupBy("user").Agg(frame.Sum("top").As("tops")).
		Join(perUser, frame.Left, "user").Sort(frame.Desc("amount"), "user")
}

func TestSameBitsForAnyThreadsAndMemory(t *testing.T) {
	n := effort.Of(400_000, 60_000)
	path := filepath.Join(t.TempDir(), "sales.csv")
	sales(t, path, n, n/4, false)
	const cramped = 96 << 20 // of buffers: everything that can spill does
	var want uint64
	crampedSpilled := int64(0) // the more threads, the less memory for each
	for _, threads := range effort.Some(2, []int{1, 2, 8}) {
		for _, o := range []local.Options{{Memory: 256 << 20}, {Memory: 2 << 30}, {Pool: cramped}} {
			o.Threads, o.SpillDir = threads, t.TempDir()
			r := local.New(o)
			got, rows, err := sum(query(path), r)
			spilled := r.Node().Spilled()
			if err = errors.Join(err, r.Close()); err != nil {
				t.Fatalf("%d threads, %+v: %v", threads, o, err)
			}
			if want == 0 {
				want = got
			}
			if got != want || rows == 0 {
				t.Errorf("%d threads, %+v: checksum %x of %d rows, want %x", threads, o, got, rows, want)
			}
			if o.Pool == cramped {
				crampedSpilled += spilled
			}
			if left, err := os.ReadDir(o.SpillDir); err != nil || len(left) > 0 {
				t.Errorf("%d threads, %+v: %d files are left behind: %v", threads, o, len(left), err)
			}
			t.Logf("%d threads, memory %d MiB, buffers %d MiB: %d rows, %d MiB spilled", threads, o.Memory>>20, o.Pool>>20, rows, spilled>>20)
		}
	}
	if crampedSpilled == 0 && !testing.Short() {
		t.Errorf("nothing was spilled in %d MiB", cramped>>20)
	}
}

// TestMemoryUnderSkew runs plans in a process of their own and looks at the
// highest resident size it had.
func TestMemoryUnderSkew(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the highest resident size is read from /proc")
	}
	if testing.Short() {
		t.Skip("makes files of 100 MB")
	}
	const budget = 256 << 20
	if job := os.Getenv("WEFT_SKEW_JOB"); job != "" {
		skewJob(t, job, os.Getenv("WEFT_SKEW_FILE"), budget)
		return
	}
	dir := t.TempDir()
	groups, hot := filepath.Join(dir, "groups.csv"), filepath.Join(dir, "hot.csv")
	sales(t, groups, 2_000_000, 1_000_000, false)
	sales(t, hot, 1_500_000, 1000, true)
	for job, path := range map[string]string{"group": groups, "join": hot} {
		peak := peakOf(t, "TestMemoryUnderSkew", "WEFT_SKEW_JOB="+job, "WEFT_SKEW_FILE="+path)
		t.Logf("%s: peak %d MiB of a budget of %d MiB", job, peak>>20, int64(budget)>>20)
		if peak > budget*115/100 {
			t.Errorf("%s: peak %d MiB is more than 1.15 × %d MiB", job, peak>>20, int64(budget)>>20)
		}
	}
}

// peakOf runs a test in a process of its own, in which it ends with printPeak.
func peakOf(t *testing.T, test string, env ...string) int64 {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run", "^"+test+"$", "-test.v")
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", env, err, out)
	}
	_, rest, ok := strings.Cut(string(out), "PEAK ")
	word, _, _ := strings.Cut(rest, " ")
	peak, err := strconv.ParseInt(word, 10, 64)
	if !ok || err != nil {
		t.Fatalf("%v: no peak in\n%s", env, out)
	}
	return peak
}

// printPeak prints the highest resident size that this process had.
func printPeak(t *testing.T, rows, spilled int64) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("PEAK %d rows %d spilled %d\n", kb<<10, rows, spilled)
}

// skewJob is the process of TestMemoryUnderSkew.
func skewJob(t *testing.T, job, path string, budget int64) {
	debug.SetGCPercent(50)
	r := local.New(local.Options{Threads: 2, Memory: budget, SpillDir: t.TempDir()})
	defer r.Close()
	f := frame.ReadCSV(path)
	switch job {
	case "group":
		f = f.GroupBy("user").Agg(frame.Sum("amount"), frame.Max("note").As("note"), frame.Count().As("n"))
	case "join": // nine tenths of both sides have one key: 10⁹ pairs would not end, so few rows of the left side meet all of the right
		few := f.Filter(frame.Col("qty").Eq(8)).Head(200)
		f = few.Join(f.Select("part", "user", "amount", "note"), frame.Inner, "part").
			GroupBy("user").Agg(frame.Count().As("n"), frame.Sum("amount_right").As("amount"))
	}
	_, rows, err := sum(f, r)
	if err != nil {
		t.Fatal(err)
	}
	printPeak(t, rows, r.Node().Spilled())
}
