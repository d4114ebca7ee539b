package journal

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

func open(t *testing.T, dir string) (*Log, []string) {
	t.Helper()
	l, recs, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var out []string
	for _, r := range recs {
		out = append(out, string(r))
	}
	return l, out
}

// add adds records and waits until they are durable.
func add(l *Log, recs ...string) error {
	errs := make(chan error, len(recs))
	for _, r := range recs {
		l.Add([]byte(r), func(err error) { errs <- err })
	}
	var err error
	for range recs {
		err = errors.Join(err, <-errs)
	}
	return err
}

func replace(l *Log, recs ...string) error {
	err := make(chan error)
	var b [][]byte
	for _, r := range recs {
		b = append(b, []byte(r))
	}
	l.Replace(b, func(e error) { err <- e })
	return <-err
}

func files(t *testing.T, dir string) (out []string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func TestRecordsComeBack(t *testing.T) {
	dir := t.TempDir()
	l, got := open(t, dir)
	if len(got) != 0 {
		t.Fatal(got)
	}
	big := strings.Repeat("x", 1<<20)
	for _, r := range []string{"a", "", big} {
		if err := add(l, r); err != nil {
			t.Fatal(err)
		}
	}
	if _, got = open(t, dir); !slices.Equal(got, []string{"a", "", big}) {
		t.Fatalf("%.20q", got)
	}
	if err := replace(l, "all", "of it"); err != nil {
		t.Fatal(err)
	}
	if err := add(l, "and more"); err != nil {
		t.Fatal(err)
	}
	if _, got = open(t, dir); !slices.Equal(got, []string{"all", "of it", "and more"}) {
		t.Fatalf("%q", got)
	}
	if n := files(t, dir); len(n) != 2 {
		t.Errorf("what was replaced is still there: %v", n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := add(l, "late"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestTogether: records that come while a file is being written share the next one,
// and keep their order.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir)
	var wg sync.WaitGroup
	var order []int // written by the one goroutine that calls back
	for i := range 2000 {
		wg.Add(1)
		l.Add(fmt.Append(nil, i), func(err error) {
			defer wg.Done()
			if err != nil {
				t.Error(err)
			}
			order = append(order, i)
		})
	}
	wg.Wait()
	_, got := open(t, dir)
	for i := range got {
		if got[i] != fmt.Sprint(i) || order[i] != i {
			t.Fatal(i, got[i], order[i])
		}
	}
	if n := len(files(t, dir)); len(got) != 2000 || n > 500 {
		t.Errorf("%d records in %d files", len(got), n)
	}
}

// TestTorn cuts and spoils the last file at every byte: it counts as not written;
// one before the last is an error.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir)
	for _, r := range []string{"first", "second"} {
		if err := add(l, r); err != nil {
			t.Fatal(err)
		}
	}
	name := l.path(1)
	sound, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sound {
		for _, b := range [][]byte{sound[:i], append(append(slices.Clone(sound[:i]), sound[i]^16), sound[i+1:]...)} {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			again, got := open(t, dir)
			if !slices.Equal(got, []string{"first"}) {
				t.Fatalf("byte %d: %q", i, got)
			}
			if err := add(again, "third"); err != nil {
				t.Fatal(err)
			}
			if _, got := open(t, dir); !slices.Equal(got, []string{"first", "third"}) {
				t.Fatalf("byte %d: %q", i, got)
			}
		}
	}
	if err := os.WriteFile(l.path(0), sound[:9], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir); err == nil || !strings.Contains(err.Error(), l.path(0)) {
		t.Error(err)
	}
}

// TestOneWriter: the second one to open a folder and write takes over, and the
// first finds out with its next record, whatever became of the files since.
func TestOneWriter(t *testing.T) {
	for _, snap := range []bool{false, true} {
		dir := t.TempDir()
		old, _ := open(t, dir)
		if err := add(old, "a"); err != nil {
			t.Fatal(err)
		}
		now, _ := open(t, dir)
		if err := add(now, "b"); err != nil {
			t.Fatal(err)
		}
		if snap {
			if err := replace(now, "a", "b"); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := add(old, "zombie"); !errors.Is(err, ErrDeposed) {
				t.Error(err)
			}
		}
		if err := add(now, "c"); err != nil {
			t.Error(err)
		}
		if _, got := open(t, dir); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("%v: %q", snap, got)
		}
	}
}

// TestRace has writers take over from each other all the time: every record that
// was said to be durable is there once, in the order of each.
func TestRace(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	kept := map[string]int{}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for term := range 5 {
				l, _, err := Open(dir)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 5 {
					r := fmt.Sprint(w, term, i)
					if add(l, r) == nil {
						mu.Lock()
						kept[r]++
						mu.Unlock()
					}
				}
				_ = l.Close()
			}
		}()
	}
	wg.Wait()
	_, got := open(t, dir)
	for _, r := range got {
		kept[r]--
	}
	for r, n := range kept {
		if n > 0 {
			t.Errorf("record %s is lost", r)
		}
	}
	if len(got) == 0 {
		t.Error("nobody could write")
	}
}
