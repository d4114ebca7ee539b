package data

import "time"

// A way is what is known of how blocks come from one address. Peers guard it.
type way struct {
	bytes int64         // of blocks that came since it was last told
	took  time.Duration // in which they came
	// link is how many bytes a second come when nothing is packed, at best of late: what slows
	// a single stream, a disk or threads that are busy, is not the way. 0: not known.
	link float64
	asks uint32
	far  bool // its memory cannot be read, though it is on this machine

	used time.Time // it was last asked for

	broken int64 // streams with what was not as it was sent, since it was last told
}

const (
	measured = 1 << 20 // bytes that say how fast they come
	lapse    = 7. / 8  // of link, with every stream that measures it: a way may become slower
	afresh   = 8       // every so many streams are not packed, to measure the way again
)

// forgotten is after how long without a stream an address is forgotten, when another one comes: workers come and go, each at an
// address of its own, and nobody may say that one has gone.
const forgotten = 10 * time.Minute

// way returns what is known of an address.
func (p *Peers) way(addr string) *way {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.ways[addr]
	if w == nil {
		for a, x := range p.ways {
			if len(p.conns[a]) == 0 && time.Since(x.used) > forgotten {
				delete(p.ways, a)
			}
		}
		w = &way{}
		p.ways[addr] = w
	}
	w.used = time.Now()
	return w
}

// speed is what a sender is told of a way, for one stream.
func (p *Peers) speed(w *way) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.asks++; w.asks%afresh == 0 {
		return 0
	}
	return int64(w.link)
}

// A clock measures a stream, from its first message with a body on: until that came it was
// waited for more than the way.
type clock struct {
	begun, last time.Time // its messages
	came, sent  int64     // bytes of bodies, and as they travelled
	told        int64     // of came, up to since
	since       time.Time
}

// tick is called with every message.
func (c *clock) tick(p *Peers, w *way) {
	now := time.Now()
	if c.begun.IsZero() {
		if c.came > 0 {
			*c = clock{begun: now, last: now, since: now}
		}
		return
	}
	if c.last = now; c.came-c.told < measured {
		return
	}
	p.mu.Lock()
	w.bytes += c.came - c.told
	w.took += now.Sub(c.since)
	p.mu.Unlock()
	c.told, c.since = c.came, now
}

// stop is called at the end of the stream. What was packed does not say how fast the link is.
// Nor does a part of a stream: after a pause of the reader what has come meanwhile is there
// at once.
func (c *clock) stop(p *Peers, w *way) {
	took := c.last.Sub(c.begun).Seconds()
	if c.came < measured || c.sent < c.came || took <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.link = max(float64(c.came)/took, w.link*lapse)
}

// Broken returns how many streams from an address had something that was not as it was sent, since it was last asked.
func (p *Peers) Broken(addr string) (n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.ways[addr]; w != nil {
		n, w.broken = w.broken, 0
	}
	return n
}

// Moved returns how many bytes of blocks came from an address since it was last asked, and in
// how long; of concurrent streams each took its time. What is left of a MiB, in every stream,
// is left out.
func (p *Peers) Moved(addr string) (bytes int64, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.ways[addr]
	if w == nil {
		return 0, 0
	}
	bytes, took = w.bytes, w.took
	w.bytes, w.took = 0, 0
	return bytes, took
}
