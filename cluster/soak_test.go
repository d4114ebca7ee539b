package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
)

var many = flag.Int("jobs", 1000, "jobs of TestManyJobs")

// A mix is jobs of all kinds of ends.
type mix struct {
	qs  map[string]*frame.Frame
	bad *frame.Frame
}

func newMix(t *testing.T) mix {
	sales, products := tables(t, 2, 40)
	return mix{queries(sales, products), sales.WithColumns(frame.Col("qty").Add(int64(1<<63 - 1)).As("x"))}
}

// run does job i: it fails, is given up by its reader, is cancelled, at many points, or ends well.
func (m mix) run(t *testing.T, c *cluster.Client, i int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	switch i % 5 {
	case 0:
		if _, err := m.bad.Collect(ctx, c); err == nil {
			t.Fatal("an overflow is no error")
		}
	case 1:
		for _, err = range m.qs["filter"].Iterate(ctx, c) {
			break
		}
	case 2:
		_, err = m.qs["join"].Collect(ctx, c)
	case 3:
		short, stop := context.WithTimeout(ctx, time.Duration(i%1000)*3*time.Microsecond)
		_, _ = m.qs["join"].Collect(short, c)
		stop()
	default:
		_, err = m.qs["few"].Collect(ctx, c)
	}
	if err != nil {
		t.Fatal(i, err)
	}
}

// Had is what a process has.
type had struct{ Goroutines, Files, Heap, Resident int }

// envTells is the folder in which processes of this test binary tell what they have, when they are asked by SIGUSR1.
const envTells = "WEFT_TEST_TELLS"

func tells() {
	dir := os.Getenv(envTells)
	if dir == "" {
		return
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			b, err := json.Marshal(has())
			path := filepath.Join(dir, strconv.Itoa(os.Getpid()))
			if err == nil {
				err = os.WriteFile(path+".new", b, 0o600)
			}
			if err == nil {
				err = os.Rename(path+".new", path)
			}
			if err != nil {
				println(err.Error())
			}
		}
	}()
}

// has counts what this process has, without connections for blocks, which rest for a while.
func has() (h had) {
	for range 3 {
		debug.FreeOSMemory()
		time.Sleep(20 * time.Millisecond)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.Heap = int(m.HeapAlloc)
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
	for _, g := range bytes.Split(b.Bytes(), []byte("\n\n")) {
		if !bytes.Contains(g, []byte("data.(*Server).blocks(")) {
			h.Goroutines++
		}
	}
	files, _ := os.ReadDir("/proc/self/fd")
	h.Files = len(files)
	stat, _ := os.ReadFile("/proc/self/statm")
	var all int
	_, _ = fmt.Sscan(string(stat), &all, &h.Resident)
	h.Resident *= os.Getpagesize()
	return h
}

// ask has a process say what it has.
func ask(t *testing.T, dir string, p *os.Process) (h had) {
	t.Helper()
	path := filepath.Join(dir, strconv.Itoa(p.Pid))
	_ = os.Remove(path)
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	var b []byte
	until(t, "the process answers", func() (ok bool) {
		var err error
		b, err = os.ReadFile(path)
		return err == nil
	})
	if err := json.Unmarshal(b, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestManyJobs has a scheduler and two workers, which are processes, do many jobs, of which some fail or are given up: none of
// them, nor the client, has more after that than it had after the first hundred.
func TestManyJobs(t *testing.T) {
	if testing.Short() {
		t.Skip("many jobs")
	}
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("what a process has is not told here: ", err)
	}
	dir := t.TempDir()
	t.Setenv(envTells, dir)
	l := newLonely(t)
	procs := map[string]*os.Process{"the scheduler": l.cmd.Process}
	for i := range 2 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "WEFT_WORKER="+l.addr, "WEFT_WORKER_THREADS=2", "WEFT_WORKER_MEMORY=268435456", "WEFT_WORKER_SPILL="+t.TempDir())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		procs[fmt.Sprint("worker ", i)] = cmd.Process
	}
	c := (&rig{addr: l.addr}).dial(t, cluster.Options{})
	state := func() cluster.State {
		st, err := c.State(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	until(t, "both workers are up", func() bool { return len(state().Workers) == 2 })
	m := newMix(t)
	look := func() map[string]had {
		until(t, "no job is there, nor a byte of one", func() bool {
			st := state()
			return len(st.Jobs) == 0 && st.Workers[0].Used+st.Workers[1].Used == 0 && st.Workers[0].Busy+st.Workers[1].Busy == 0
		})
		c.Unplug()
		all := map[string]had{"the client": has()}
		for name, p := range procs {
			all[name] = ask(t, dir, p)
		}
		return all
	}
	var before map[string]had
	for i := range *many {
		m.run(t, c, i)
		if i == 99 {
			before = look()
		}
	}
	for name, after := range look() {
		b := before[name]
		// files: of connections that rest there may be eight to each of two workers
		if after.Goroutines > b.Goroutines+5 || after.Files > b.Files+5+2*8 || after.Heap > b.Heap+4<<20 || after.Resident > b.Resident+16<<20 {
			t.Errorf("%s has %+v after %d jobs, %+v after 100", name, after, *many, b)
		}
	}
}

// TestEndsAreForgotten: the scheduler remembers nothing of jobs that nobody asks for any more, workers have no byte of them.
func TestEndsAreForgotten(t *testing.T) {
	r := newRig(t, 2, cluster.WorkerOptions{Pool: 64 << 20})
	m := newMix(t)
	for i := range 100 {
		m.run(t, r.c, i*7)
	}
	until(t, "nothing of the jobs is left", r.idle)
	until(t, "the scheduler remembers no end", func() bool { return r.s.Remembered() == 0 })
}
