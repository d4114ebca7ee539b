package cluster

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// A RunningTask is a range of tasks at work, as the recorder has it.
type RunningTask struct {
	Job, Layer, First, N int32
	Op                   string
	Since                time.Time
}

// String words the task.
func (t RunningTask) String() string {
	return fmt.Sprintf("%s, job %d layer %d blocks %d+%d, since %s", t.Op, t.Job, t.Layer, t.First, t.N, t.Since.Format(time.TimeOnly))
}

// A recorder is a file in memory shared with the system, so that what a process was
// running can be read after it was killed. A nil recorder does nothing.
//
//	entry   job, layer, first, n (4 bytes each), begin (8 bytes, 0: nothing runs), name
type recorder struct {
	mu   sync.Mutex
	mem  []byte
	free []int
	drop func() error
}

const (
	entryBytes = 96
	entries    = 512 // tasks beyond so many are not recorded
)

func newRecorder(path string) (*recorder, error) {
	mem, drop, err := shareFile(path, entries*entryBytes)
	if err != nil {
		return nil, fmt.Errorf("cluster: recorder %s: %w", path, err)
	}
	r := &recorder{mem: mem, drop: drop}
	for i := range entries {
		r.free = append(r.free, i)
	}
	return r, nil
}

// begin notes tasks and returns their entry, -1 if there is none.
func (r *recorder) begin(t RunningTask) int {
	if r == nil {
		return -1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.free) == 0 || r.mem == nil {
		return -1
	}
	i := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	b, le := r.mem[i*entryBytes:][:entryBytes], binary.LittleEndian
	for k, x := range []int32{t.Job, t.Layer, t.First, t.N} {
		le.PutUint32(b[4*k:], uint32(x))
	}
	clear(b[24:])
	copy(b[24:], t.Op)
	le.PutUint64(b[16:], uint64(t.Since.UnixNano()))
	return i
}

// end takes an entry away.
func (r *recorder) end(i int) {
	if i < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mem != nil {
		binary.LittleEndian.PutUint64(r.mem[i*entryBytes+16:], 0)
		r.free = append(r.free, i)
	}
}

func (r *recorder) close() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mem = nil
	_ = r.drop()
}

// ReadRecorder returns what a worker was running, from its file.
func ReadRecorder(path string) (out []RunningTask, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	for ; len(b) >= entryBytes; b = b[entryBytes:] {
		le := binary.LittleEndian
		since := le.Uint64(b[16:])
		if since == 0 {
			continue
		}
		n := func(k int) int32 { return int32(le.Uint32(b[4*k:])) }
		out = append(out, RunningTask{n(0), n(1), n(2), n(3), strings.TrimRight(string(b[24:entryBytes]), "\x00"), time.Unix(0, int64(since))})
	}
	return out, nil
}
