// Package window computes functions of a row and of the rows around it: its
// partition, its place in it, and frames that move with it.
//
//	window.over   logical: adds columns to rows that stand in order
//	  └─ window.run   source: reads the ordered blocks and gives their rows with the columns
//
// The rows of a partition follow each other, in order: the caller sorts by the
// partition and then by the order. No keys at all make one partition of the table
// as it stands.
// (Aggregates of whole partitions without an order need no places
// of rows: package frame makes them of groups and a join.)
//
// # How
//
// All blocks together are a tape that is read forwards only, by several cursors:
// one gives the rows, and every function that must know more has cursors of its
// own: lead has one that is so many rows ahead, a moving sum has one at each edge
// of the frame, a function of the whole partition has one that runs ahead to its
// end. No partition is kept in memory, however large, and what lies on disk is
// read from there. Float sums are exact, so that taking away what left a frame
// gives the same bits as adding up what is in it.
//
// A split is a run of a block. It gives the partitions that begin after its first
// row, up to one that begins with the first row of the next run (the first split:
// from its first row on). So the splits are independent and every partition
// belongs to one of them.
package window
