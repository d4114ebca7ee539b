// Package guard is the only door of the house to Arrow's ipc package, and what reads the pages of Parquet files.
//
// Arrow Go v17 trusts what it reads. A page that does not decompress panics, and in several places it
// does so on a goroutine of its own, where no caller can recover; lengths in IPC messages are allocated
// before they are compared with anything; kernels give wrong rows on aligned slices. Callers of this
// package see none of that:
//
//   - Parquet (Open, File.Pages): footers, page headers, page indexes and bloom filters are parsed here, and
//     pages are checked and decompressed under bounds; package parquet decodes the values. Arrow's reader is
//     not called at all.
//   - IPC writing (NewIPCWriter) hands Arrow rebased, dictionary-checked arrays and nothing that its writer is
//     known to get wrong. Parquet is written by package parquet; the codecs of pages are here (Compress).
//   - IPC (OpenIPC, NewIPCStream): messages are parsed and arrays are laid out by this package, so that a
//     length is never believed; Arrow's own reader is not called at all.
//   - Validate walks an array of any type and says what is wrong with it.
//
// Memory: pages of Parquet are in buffers of the caller's allocator. Every array that leaves the package belongs to
// the garbage collector. The allocator given to Arrow is always memory.DefaultAllocator. Records may be kept without
// Retain.
package guard
