package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The environment of a process that is to be a worker.
const (
	envScheduler = "WEFT_WORKER" // address of the scheduler
	envName      = "WEFT_WORKER_NAME"
	envListen    = "WEFT_WORKER_LISTEN"
	envThreads   = "WEFT_WORKER_THREADS"
	envMemory    = "WEFT_WORKER_MEMORY" // bytes
	envSpill     = "WEFT_WORKER_SPILL"
	envCA        = "WEFT_CA"
	envCert      = "WEFT_CERT"
	envKey       = "WEFT_KEY"
	envToken     = "WEFT_TOKEN"
	envRevoked   = "WEFT_REVOKED"
	envLabels    = "WEFT_WORKER_LABELS"    // with commas between them
	envResources = "WEFT_WORKER_RESOURCES" // NAME=N, with commas between them
	envRecorder  = "WEFT_WORKER_RECORDER"  // set by Supervise
)

// RanAsWorker makes a program its own worker, with one line at the top of main:
//
//	if cluster.RanAsWorker() {
//		return
//	}
//
// If the environment variable WEFT_WORKER has the address of a scheduler, the
// process works for it until it is interrupted, retires on SIGTERM, and the result
// is true. WEFT_WORKER_NAME, _LISTEN, _THREADS, _MEMORY (bytes), _LABELS, _RESOURCES and _SPILL, and
// WEFT_CA, WEFT_CERT and WEFT_KEY, or WEFT_TOKEN, and WEFT_REVOKED stand for the options of a worker. What goes
// wrong is logged to the standard error.
func RanAsWorker() bool {
	at := os.Getenv(envScheduler)
	if at == "" {
		return false
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := beWorker(at, log); err != nil {
		log.Error("worker", "err", err)
		if os.Getenv(envRecorder) != "" {
			os.Exit(1) // whoever supervises starts it again
		}
	}
	return true
}

// Supervised takes from the environment what Supervise says to its processes: where
// they spill and record what runs.
func (o *WorkerOptions) Supervised() {
	o.SpillDir, o.Recorder = cmp.Or(os.Getenv(envSpill), o.SpillDir), os.Getenv(envRecorder)
}

func beWorker(at string, log *slog.Logger) error {
	o := WorkerOptions{Name: os.Getenv(envName), Listen: os.Getenv(envListen), Log: log,
		Security: Security{CA: os.Getenv(envCA), Cert: os.Getenv(envCert), Key: os.Getenv(envKey), Token: os.Getenv(envToken), Revoked: os.Getenv(envRevoked)}}
	o.Supervised()
	var err error
	if s := os.Getenv(envThreads); s != "" {
		if o.Threads, err = strconv.Atoi(s); err != nil || o.Threads < 1 {
			return fmt.Errorf("%s=%s: want a number of threads from 1", envThreads, s)
		}
	}
	if s := os.Getenv(envLabels); s != "" {
		o.Labels = strings.Split(s, ",")
	}
	if s := os.Getenv(envResources); s != "" {
		o.Resources = strings.Split(s, ",")
	}
	if s := os.Getenv(envMemory); s != "" {
		if o.Memory, err = strconv.ParseInt(s, 10, 64); err != nil || o.Memory < 0 {
			return fmt.Errorf("%s=%s: want a number of bytes", envMemory, s)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	w, err := Join(ctx, at, o)
	if err != nil {
		return err
	}
	return w.Follow(ctx)
}

// Follow keeps a worker until it has ended, until ctx ends (it is closed then), or
// until the process gets SIGTERM (it retires then).
func (w *Worker) Follow(ctx context.Context) error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	defer signal.Stop(term)
	select {
	case <-term:
		return w.Retire()
	case <-ctx.Done():
		return w.Close()
	case <-w.done:
		if errors.Is(w.err, ErrClosed) {
			return nil
		}
		return w.err
	}
}

// UpOptions of Up. Zero values mean defaults.
type UpOptions struct {
	Workers   int        // default 2
	Listen    string     // of the scheduler, on the loopback interface; default 127.0.0.1:0
	Threads   int        // of each worker; default: one per CPU
	Memory    int64      // of each worker
	Labels    [][]string // of each worker: the first has the first ones; those beyond have none
	SpillDir  string
	Scheduler SchedulerOptions
	Stderr    *os.File // of the workers; default: that of this process
}

// A Local cluster is a scheduler in this process and workers that are processes of
// the same program, which must begin with RanAsWorker.
type Local struct {
	*Scheduler
	Procs []*os.Process

	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	left   int
	gone   chan struct{} // closed when the last worker has ended
}

// Up starts a scheduler and workers on this machine and waits until they are
// ready.
func Up(ctx context.Context, o UpOptions) (*Local, error) {
	def(&o.Workers, 2)
	def(&o.Listen, "127.0.0.1:0")
	def(&o.Stderr, os.Stderr)
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	s, err := Listen(o.Listen, o.Scheduler)
	if err != nil {
		return nil, err
	}
	live, cancel := context.WithCancel(context.Background())
	l := &Local{Scheduler: s, cancel: cancel, left: o.Workers, gone: make(chan struct{})}
	for i := range o.Workers {
		c := exec.CommandContext(live, self)
		c.Env = append(os.Environ(), envScheduler+"="+s.Addr(), envName+"=local-"+strconv.Itoa(i), envMemory+"="+strconv.FormatInt(o.Memory, 10), envSpill+"="+o.SpillDir)
		if o.Threads > 0 {
			c.Env = append(c.Env, envThreads+"="+strconv.Itoa(o.Threads))
		}
		if i < len(o.Labels) {
			c.Env = append(c.Env, envLabels+"="+strings.Join(o.Labels[i], ","))
		}
		c.Stderr = o.Stderr
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		c.WaitDelay = 5 * time.Second
		dieTogether(c)
		if err := c.Start(); err != nil {
			l.left = i
			return nil, errors.Join(fmt.Errorf("cluster: %w", err), l.Close())
		}
		l.Procs = append(l.Procs, c.Process)
		l.wg.Add(1)
		go l.watch(c)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case <-l.gone:
			stop(errors.New("all worker processes have ended: does the program begin with cluster.RanAsWorker?"))
		case <-ctx.Done():
		}
	}()
	if err := s.WaitWorkers(ctx, o.Workers); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// watch waits for the end of a worker's process.
func (l *Local) watch(c *exec.Cmd) {
	defer l.wg.Done()
	err := c.Wait()
	l.opt.Log.Info("worker process ended", "pid", c.Process.Pid, "err", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left--; l.left == 0 {
		close(l.gone)
	}
}

// Gone is closed when all worker processes have ended.
func (l *Local) Gone() <-chan struct{} { return l.gone }

// Close ends the workers and the scheduler.
func (l *Local) Close() error {
	l.cancel()
	l.wg.Wait()
	return l.Scheduler.Close()
}
