package cluster

import "github.com/weft-data/weft/optimize"

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
