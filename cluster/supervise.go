package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/weft-data/weft/internal/spill"
)

// SuperviseOptions of Supervise. Zero values mean defaults.
type SuperviseOptions struct {
	Args     []string      // of the worker's process; default: those of this one
	Env      []string      // beside that of this process
	SpillDir string        // each process spills into a folder of its own here, which is removed when it has ended; default: the system's
	Least    time.Duration // before a process is started again, doubled each time up to Most; default 500 ms
	Most     time.Duration // default 1 min. A process that ran for longer begins with Least again.
	Log      *slog.Logger
}

// Supervise runs this program as a worker's process (see RanAsWorker and Args) and
// starts it again when it fails, until it ends well or ctx ends: then it gets SIGTERM,
// to retire. What a process that failed was running is logged, from the recorder it
// writes, and its spilled blocks are removed.
func Supervise(ctx context.Context, o SuperviseOptions) error {
	def(&o.SpillDir, os.TempDir())
	def(&o.Least, 500*time.Millisecond)
	def(&o.Most, time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Args == nil {
		o.Args = os.Args[1:]
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	wait := &backoff.ExponentialBackOff{InitialInterval: o.Least, Multiplier: 2, RandomizationFactor: 0.2, MaxInterval: o.Most}
	wait.Reset()
	for {
		begin := time.Now()
		err := o.once(ctx, self)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if time.Since(begin) > o.Most {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		o.Log.Error("the worker's process has failed", "err", err, "again in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// once runs one process to its end.
func (o *SuperviseOptions) once(ctx context.Context, self string) (err error) {
	dir, err := os.MkdirTemp(o.SpillDir, "weft-worker-")
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer func() {
		spill.KeepRotten(dir, filepath.Dir(dir))
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	record := filepath.Join(dir, "running")
	c := exec.CommandContext(ctx, self, o.Args...)
	c.Env = append(append(os.Environ(), envSpill+"="+dir, envRecorder+"="+record), o.Env...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = retireFor + 10*time.Second
	dieTogether(c)
	if err = c.Run(); err == nil || ctx.Err() != nil {
		return nil
	}
	tasks, rerr := ReadRecorder(record)
	if rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
		o.Log.Warn("the recorder cannot be read", "err", rerr)
	}
	for _, t := range tasks {
		o.Log.Error("was running", "pid", c.Process.Pid, "task", t.String())
	}
	return err
}
