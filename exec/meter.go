package exec

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// A Meter counts what one operator of a layer did, over all its tasks.
type Meter struct {
	Name    string
	rows    atomic.Int64 // given out
	batches atomic.Int64
	nanos   atomic.Int64
	peak    atomic.Int64
	bytes   atomic.Int64 // of output blocks
	spilled atomic.Int64
	mu      sync.Mutex
	counts  map[string]int64
}

// Figures are the readings of a Meter.
type Figures struct {
	Rows, Batches int64
	Bytes         int64 // of the output blocks, of the last operator of a layer alone
	Spilled       int64 // written to disk by the operator, or of its output
	Time          time.Duration
	Peak          int64 // most memory of one task; of the last operator for all of them
	Counts        map[string]int64
}

// Read returns the readings.
func (m *Meter) Read() Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Figures{m.rows.Load(), m.batches.Load(), m.bytes.Load(), m.spilled.Load(),
		time.Duration(m.nanos.Load()), m.peak.Load(), maps.Clone(m.counts)}
}

func (m *Meter) count(name string, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]int64{}
	}
	m.counts[name] += n
}

// note records the memory peak of a task.
func (m *Meter) note(peak int64) {
	for p := m.peak.Load(); peak > p && !m.peak.CompareAndSwap(p, peak); p = m.peak.Load() {
	}
}
