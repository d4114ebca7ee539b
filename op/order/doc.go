// Package order sorts rows and takes the first of them.
//
//	order.limit   logical: the first n rows in input order
//	  └─ order.first   step: the first rows of a block, then of all blocks' first
//	order.topk    logical: the first n rows that order.sort would give
//	  └─ order.best    breaker: the best rows of a block, then of all blocks' best
//	order.sort    logical: all rows by keys, equal ones in input order
//	  └─ order.runs    breaker: sorts a block; of one block, this is all
//	     └─ order.merge   source: a range of the keys of every block's runs
//
// Nulls come last whatever the direction, unless the key says first. NaN is the
// largest number, all NaN are equal and -0 equals 0. Text and binary compare
// byte by byte, false comes before true.
//
// # Sorting
//
// Rows are gathered into pages and stand in the sort as entries of 16 bytes: a
// word of the normalised keys and where the row lies. Words are as narrow as the
// values allow: of a number its distance from the least one, of several keys
// their fields packed, of text what follows the bytes that all values share. What
// room an entry has left carries narrow columns: rows in another order than that
// of their pages are read from all over the memory, entries one after the other.
// Entries are sorted by radix, most significant bits first until a part fits
// the cache. Only rows with equal words are looked at again, with the next word.
// Everything is stable, and entries begin in input order, so equal rows keep it
// whichever threads gathered them.
//
// # Memory
//
// Pages and entries are budgeted. A thread that is refused memory sorts its
// pages and writes them to the spill file as a run, together with the first row
// of every batch but for long texts that are no keys, by which readers find their rows. Ranges are merged side by side, each
// by a tree of losers, with a small batch per run in memory. More than 64 runs
// are merged in several passes.
//
// # Ranges
//
// A block may be made again, in other runs, when some tasks of order.merge have read it. So where the ranges of these
// begin depends on nothing but the rows there are: on marks, rows of each block whose hash is low, and among
// rows that are equal to one on their block, so that many equal keys are divided too.
package order
