package cluster_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
)

// A proxy stands before an address and spoils what comes from there.
type proxy struct {
	lis   net.Listener
	to    string
	spoil func(b []byte, at int64) bool // of the bytes that passed, from at on; false cuts the connection
	hits  atomic.Int64                  // faults injected
	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

func newProxy(t *testing.T) *proxy {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{lis: lis}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(func() {
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

func (p *proxy) addr() string { return p.lis.Addr().String() }

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
		to, spoil := p.to, p.spoil
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
		go p.pass(out, in, nil)
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
		at += int64(n)
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// TestSpoiledConnections runs queries while what one worker gives is spoiled on its
// way: bits are flipped, connections are cut, or nothing comes at all. The fault
// must have happened, and the answers must be right.
func TestSpoiledConnections(t *testing.T) {
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

// TestControlStreamIsCut cuts the stream of a worker in the middle of a query, again
// and again: it comes back with what it has and what it runs, and no task is run
// twice but for those that were on their way to it.
func TestControlStreamIsCut(t *testing.T) {
	sales, products := tables(t, 12, 3000)
	q := queries(sales, products)["all"]
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int64{2, 12} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
			p := newProxy(t)
			p.aim(r.s.Addr(), nil)
			w, err := cluster.Join(context.Background(), p.addr(), cluster.WorkerOptions{Threads: 1, SpillDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			compare(t, "all", collectDuring(t, r, q, after, p.cut), want)
			for i := 0; i < 200 && r.s.Workers() != 3; i++ {
				time.Sleep(10 * time.Millisecond)
			}
			if n := r.s.Workers(); n != 3 {
				t.Errorf("%d workers are up", n)
			}
			select {
			case <-w.Done():
				t.Error("the worker has ended")
			default:
			}
		})
	}
}
