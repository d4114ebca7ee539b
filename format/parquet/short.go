package parquet

import (
	"errors"
	"fmt"

	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/mem"
)

// A page is read as a whole, however long it is: what bounds it is the memory of the run, and that a page says no more
// than its compressed bytes can hold, see guard.Pages.

// spacious is the smallest page that an error of memory names: what is smaller is not what the memory went to.
const spacious = 1 << 20

// note keeps the header of the largest page so far.
func (c *column) note(h guard.Header) {
	if h.Bytes > c.largest.Bytes {
		c.largest = h
	}
}

// short says which page there was no memory for, and how much would do.
func (c *column) short(err error) error {
	if !errors.Is(err, mem.ErrBudget) {
		return err
	}
	h, levels := c.largest, 0
	if c.nest != nil {
		levels = c.root.depth()
		for _, s := range c.nest.streams {
			if s.col.largest.Bytes > h.Bytes {
				h = s.col.largest
			}
		}
	}
	if h.Bytes < spacious {
		return err
	}
	const mib = 1 << 20
	need, has := enough(h, levels), c.task.Budget()
	if need <= has { // others hold the rest
		need += has
	}
	return fmt.Errorf("%w; the column has a page of %d bytes (%d in the file): a memory budget of %d MiB would do, this task's is %d MiB",
		err, h.Bytes, h.Stored, (need+mib-1)/mib, has/mib)
}

// enough is the memory with which a page can be read that belongs to so many levels of nesting: the page as it is stored and as
// it is, a dictionary as long as it, its values, their records at each level, and the copy of these that leaves the reader. An
// eighth goes to what the rest of the program needs.
func enough(h guard.Header, levels int) int64 {
	page := mem.Size(h.Bytes + h.Bytes/8)
	n := mem.Size(h.Stored) + int64(h.Bytes) + page*int64(3+levels)
	return n + n/8 + 64<<20
}

// depth is the number of lists and structs from n down to the deepest leaf.
func (n *nest) depth() (d int) {
	for _, k := range n.kids {
		d = max(d, 1+k.depth())
	}
	return d
}
