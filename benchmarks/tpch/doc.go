// Package tpch has the tables and the 22 queries of TPC Benchmark H: the tables made
// as the specification's generator makes them, to the byte, the queries written with
// the verbs of frames.
//
//	All         the queries, one file each
//	New(n)      the eight tables around n orders; scale factor 1 has 1 500 000
//
// What is not in the text of the specification (the seeds of the random streams, the
// weights of words, the size of the pool of text) is as published with its generator.
// Amounts of money are float64, which clause 1.3.1 allows, so that all systems that
// read the files compute with the same type.
package tpch
