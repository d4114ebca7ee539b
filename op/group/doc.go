// Package group is group-by, distinct and the best rows of each group.
//
//	group.by        logical: keys and aggregates
//	  └─ group.partial   breaker: a table of states per thread, or rows passed
//	     │               through when nearly every row is a group of its own;
//	     │               64 runs by key hash
//	     └─ group.final  source: merges the states of its runs, gives groups
//
// When the input is one block, or rows of a group are known to be in one block,
// group.partial gives the finished groups itself and nothing is shuffled.
//
// # Keys
//
// Null is a key like any other, all NaN are one key, -0 is 0; the output shows 0
// and the quiet NaN. Every key column has a coder that numbers its distinct
// values: integers through an array while their range is small and an
// open-addressing table beyond; floats by their bits; text through 16-byte keys
// (length and up to 15 bytes, or a 120-bit hash checked against the bytes). The
// codes of several columns are packed into 64 bits, or chained pair by pair when
// they do not fit.
//
// # States
//
// A group's state is one row of fixed width that holds the parts of all its
// aggregates: one cache line, or a few, per group and row of input. Every part is
// commutative and associative bit for bit: sums are exact (integers of 128 bits,
// floats in fixed point with a wide fallback), first and last carry the row's
// position. So no thread count, chunking, spill or shuffle changes a result.
//
// # Memory
//
// Everything that grows is budgeted. A table that is refused memory writes its
// groups as partial states to a spill file of 64 runs and begins again; what
// reads a run that does not fit divides it by further bits of the hash.
package group
