package join

import (
	"sync/atomic"

	"github.com/weft-data/weft/internal/mem"
)

// A quota is an allocator that refuses when a table has got its share of the
// budget: tasks that probe it, and what comes after them, need the rest.
type quota struct {
	mem.Allocator
	left atomic.Int64
}

func newQuota(a mem.Allocator, limit int64) *quota {
	q := &quota{Allocator: a}
	q.left.Store(limit)
	return q
}

// Alloc implements mem.Allocator.
func (q *quota) Alloc(n int) []byte {
	size := mem.Size(n)
	if !q.charge(size) {
		return nil
	}
	b := q.Allocator.Alloc(n)
	if b == nil {
		q.left.Add(size)
	}
	return b
}

// Free implements mem.Allocator.
func (q *quota) Free(b []byte) {
	q.left.Add(int64(cap(b)))
	q.Allocator.Free(b)
}

// charge counts bytes that are used in place; false when they are too many.
func (q *quota) charge(n int64) bool {
	if q.left.Add(-n) < 0 {
		q.left.Add(n)
		return false
	}
	return true
}
