package cluster

import (
	"testing"
	"time"

	"github.com/weft-data/weft/optimize"
)

// Tune has plans changed before they are sent.
func (c *Client) Tune(f func(*optimize.Plan)) { c.tune = f }

// Remembered returns how many ends of jobs are kept for clients.
func (s *Scheduler) Remembered() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		n += len(c.words) + len(c.jobs)
	}
	return n
}

// Clients returns how many clients the scheduler knows, connected or not.
func (s *Scheduler) Clients() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.clients) }

// Parted reports whether the worker has no session.
func (w *Worker) Parted() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.session == 0 }

// Until waits for a condition, 10 s at most.
func Until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 10 s: ", what)
		}
	}
}

// Unplug ends the connections over which the worker gets blocks.
func (w *Worker) Unplug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.table {
		w.peers.Drop(p.addr)
	}
}

// Unplug ends the connections over which the client gets blocks.
func (c *Client) Unplug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.table {
		c.peers.Drop(p.addr)
	}
}

// PoseAs has a client take what another one keeps for its own: that the scheduler knows better
// is what is tested.
func (c *Client) PoseAs(keeper *Client) { c.self = keeper.self }

// Errands returns how many streams of blocks the worker reads from others.
func (w *Worker) Errands() int { w.mu.Lock(); defer w.mu.Unlock(); return w.errands }

// Tasks returns how many tasks the worker has begun and not ended, and how many of them are away.
func (w *Worker) Tasks() (all, away int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ahead + w.carriers + w.away, w.away
}

// HangUp ends the session of the worker, which begins another one.
func (w *Worker) HangUp() { w.mu.Lock(); defer w.mu.Unlock(); w.hangUp() }
