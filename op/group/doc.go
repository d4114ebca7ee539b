// Package group is group-by, distinct and the best rows of each group.
//
//	group.by        logical: keys and aggregates
//	  └─ group.partial   breaker: a table of states per thread, or rows passed
//	     │               through when nearly every row is a group of its own;
//	     │               64 runs by key hash
//	     └─ group.final  source: merges the states of its runs, gives groups
//
// When the input is one block, or rows of a group are known to be in one block,
// group.partial gives the finished groups itself and nothing is shuffled. Of several
// tables one after the other each has a group.partial of its own, unless a state asks
// for the positions of rows.
//
// Neither choice is made by estimates: a thread passes rows on when it has seen that
// they make groups of their own (the count "rows passed on"), and group.final has as
// many blocks as the bytes that group.partial has made ask for.
//
// Where groups are so large that a state of all values of one would be, count_distinct and mode
// find theirs apart: group.apart in place of group.partial has a table of groups and one of pairs
// of group and value for each such column, and group.found, before group.final, merges the pairs.
//
// # Keys
//
// Null is a key like any other, all NaN are one key, -0 is 0; the output shows 0
// and the quiet NaN. Every key column has a coder that numbers its distinct
// values: integers through an array while their range is small and an
// open-addressing table beyond; floats by their bits; text through 16-byte keys
// (length and up to 15 bytes, or a 120-bit hash checked against the bytes). The
// codes of several columns are packed into 64 bits. When they do not fit, a key is
// a whole row, looked up by the hash of all its columns and kept as it was.
//
// # States
//
// A group's state is one row of fixed width that holds the parts of all its
// aggregates: one cache line, or a few, per group and row of input. Every part is
// commutative and associative bit for bit: sums are exact (integers of 128 bits,
// floats in fixed point with a wide fallback), first and last carry the row's
// position. What has any size (lists, counted values, sketches) lies beside the
// rows, in pieces that never move; a table that would keep every row of many
// groups is given up, and rows are passed on. So no thread count, chunking, spill or shuffle changes a result.
//
// # Memory
//
// Everything that grows is budgeted. A table that is refused memory writes its
// groups as partial states to a spill file of 64 runs and begins again; what
// reads a run that does not fit divides it by further bits of the hash.
package group
