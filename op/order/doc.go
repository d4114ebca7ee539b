// Package order sorts rows and takes the first of them.
//
//	order.limit   logical: the first n rows in input order
//	order.sort    logical: all rows by keys, equal ones in input order
//	order.topk    logical: the first n rows that order.sort would give
//
// Nulls come last whatever the direction, unless the key says first. NaN is the
// largest number, all NaN are equal and -0 equals 0. Text and binary compare
// byte by byte, false comes before true.
package order
