package cluster_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// A proxy stands before an address and spoils what comes from there.
type proxy struct {
	lis   net.Listener
	to    string
	spoil func(b []byte, at int64) bool // of the bytes that passed, from at on; false cuts the connection
	up    func(b []byte, at int64) bool // the same of what goes there
	hits  atomic.Int64                  // faults injected
	still atomic.Bool                   // nothing passes
	mu    sync.Mutex
	conns []net.Conn
	quit  chan struct{}
	wg    sync.WaitGroup
}

func newProxy(t *testing.T) *proxy {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{lis: lis, quit: make(chan struct{})}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(func() {
		close(p.quit)
		_ = lis.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

// aim says where the proxy stands, and what it does.
func (p *proxy) aim(to string, spoil func([]byte, int64) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to, p.spoil = to, spoil
}

// against has it do something with what goes there, from the next connection on.
func (p *proxy) against(up func([]byte, int64) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = up
}

func (p *proxy) addr() string { return p.lis.Addr().String() }

// over reports whether it has ended.
func (p *proxy) over() bool {
	select {
	case <-p.quit:
		return true
	default:
		return false
	}
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) accept() {
	defer p.wg.Done()
	for {
		in, err := p.lis.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		to, spoil, up := p.to, p.spoil, p.up
		p.mu.Unlock()
		out, err := net.Dial("tcp", to)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, in, out)
		p.mu.Unlock()
		p.wg.Add(2)
		go p.pass(out, in, up)
		go p.pass(in, out, spoil)
	}
}

func (p *proxy) pass(to, from net.Conn, spoil func([]byte, int64) bool) {
	defer p.wg.Done()
	defer to.Close()
	defer from.Close()
	b := make([]byte, 8<<10)
	for at := int64(0); ; {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if spoil != nil && !spoil(b[:n], at) {
			p.hits.Add(1)
			return
		}
		for at += int64(n); p.still.Load() && !p.over(); {
			time.Sleep(time.Millisecond)
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// TestPiecesTravel cuts an array anew and sorts another on four workers: a task gets of
// the blocks elsewhere only the pieces that it reads, and they are those.
func TestPiecesTravel(t *testing.T) {
	const n, strips, length = 3000, 20, 1 << 20 // a smaller array is not cut into pieces
	for name, x := range map[string]*array.Array{
		"rechunk": array.Random(3).Integers(0, 1<<40, []int{n, n}, array.Chunks(n/strips, n)).Rechunk(n, n/strips).Sum(0),
		"sort":    array.Random(4).Integers(0, 1<<40, []int{length}, array.Chunks(length/strips)).Sort(0),
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			here := local.New(local.Options{Threads: 2})
			defer here.Close()
			want, err := array.Collect[int64](ctx, here, x)
			if err != nil {
				t.Fatal(err)
			}
			r := listen(t, cluster.SchedulerOptions{})
			var passed atomic.Int64
			for range 4 {
				p := newProxy(t)
				w := r.join(t, cluster.WorkerOptions{Threads: 1, Advertise: p.addr()})
				p.aim(w.Addr(), func(b []byte, _ int64) bool { passed.Add(int64(len(b))); return true })
			}
			r.c = r.dial(t, cluster.Options{})
			got, err := array.Collect[int64](ctx, r.c, x)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%v: %d numbers that differ from those computed here", err, len(got))
			}
			if passed.Load() < 8*length/4 {
				t.Errorf("%d bytes passed between the workers: too few for pieces", passed.Load())
			}
		})
	}
}

// TestSpoiledConnections runs queries while what one worker gives is spoiled on its
// way: bits are flipped, connections are cut, or nothing comes at all. The fault
// must have happened, and the answers must be right.
func TestSpoiledConnections(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	sales, products := tables(t, 12, 3000)
	qs := queries(sales, products)
	for _, c := range []struct {
		name  string
		spoil func(p *proxy) func([]byte, int64) bool
	}{
		{"flipped bits", func(p *proxy) func([]byte, int64) bool {
			return func(b []byte, at int64) bool {
				if p.hits.Load() < 6 && at > 2000 && len(b) > 100 {
					b[len(b)/2] ^= 4
					p.hits.Add(1)
				}
				return true
			}
		}},
		{"cut connections", func(p *proxy) func([]byte, int64) bool {
			return func(_ []byte, at int64) bool { return at < 3000 || p.hits.Load() >= 4 }
		}},
		{"a black hole", func(p *proxy) func([]byte, int64) bool {
			return func(b []byte, at int64) bool {
				if at > 1000 && p.hits.Add(1) < 3 {
					time.Sleep(600 * time.Millisecond)
				}
				return true
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 2, cluster.WorkerOptions{Threads: 1, Stall: 300 * time.Millisecond})
			p := newProxy(t)
			w := r.join(t, cluster.WorkerOptions{Threads: 1, Stall: 300 * time.Millisecond, Advertise: p.addr()})
			p.aim(w.Addr(), c.spoil(p))
			for _, name := range []string{"all", "filter", "sort", "left"} {
				same(t, name, qs[name], r.c)
			}
			if p.hits.Load() == 0 {
				t.Error("the fault never happened")
			}
		})
	}
}

// TestCutAmidFetches cuts the stream of a worker while another one waits for blocks of it: it is where it was, and what is on its
// way from it comes. Nothing is made again.
func TestCutAmidFetches(t *testing.T) {
	q, want := question(t, 12, 3000)
	r := listen(t, cluster.SchedulerOptions{})
	blocks, words := newProxy(t), newProxy(t)
	words.aim(r.addr, nil)
	w := (&rig{addr: words.addr()}).join(t, cluster.WorkerOptions{Threads: 1, Stall: time.Minute, Advertise: blocks.addr()})
	blocks.aim(w.Addr(), nil)
	reader := r.join(t, cluster.WorkerOptions{Threads: 1, Stall: time.Minute})
	r.c = r.dial(t, cluster.Options{Stall: time.Minute})
	r.c.Tune(wide) // so that both make some of each layer
	if err := r.s.WaitWorkers(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	compare(t, "all", collectDuring(t, r, q, 0, func() {}), want)
	all, was := r.s.Finished()-r.begin, r.sessions()[w.Name()]
	blocks.still.Store(true)
	reader.Unplug() // else what rests and has carried nothing is replaced
	compare(t, "all", collectDuring(t, r, q, 1, func() {
		until(t, "the other one waits for its blocks", func() bool { return reader.Errands() > 0 })
		words.cut()
		until(t, "it has another session", func() bool { is, ok := r.sessions()[w.Name()]; return ok && is != was })
		blocks.still.Store(false)
	}), want)
	r.settled(t, 2, all, false)
}

// TestControlStreamIsCut cuts the stream of a worker in the middle of a query, again
// and again: it comes back with what it has and what it runs, and no task is run
// twice but for those that were on their way to it.
func TestControlStreamIsCut(t *testing.T) {
	q, want := question(t, 12, 3000)
	all := tasksOf(t, q)
	for _, after := range []int64{2, 12} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
			p := newProxy(t)
			p.aim(r.addr, nil)
			r.addr = p.addr()
			w := r.join(t, cluster.WorkerOptions{Threads: 1})
			compare(t, "all", collectDuring(t, r, q, after, p.cut), want)
			r.settled(t, 3, all+all/3, false) // on their way to one of three workers was its share at most
			select {
			case <-w.Done():
				t.Error("the worker has ended")
			default:
			}
		})
	}
}
