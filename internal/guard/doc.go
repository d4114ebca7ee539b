// Package guard is the only door of the house to Arrow's parquet, ipc and compute packages.
//
// Arrow Go v17 trusts what it reads. A page that does not decompress panics, and in several places it
// does so on a goroutine of its own, where no caller can recover; lengths in IPC messages are allocated
// before they are compared with anything; kernels give wrong rows on aligned slices. Callers of this
// package see none of that:
//
//   - Parquet (Open, File.ReadRowGroup): the footer, every page header, the levels and the value bytes
//     are checked here before Arrow decodes them; pages are decompressed here, under a bound; Arrow runs
//     on the caller's goroutine only, and a panic becomes an error naming file, row group and column.
//   - Parquet writing (NewWriter) and IPC writing (NewIPCWriter) hand Arrow rebased, dictionary-checked
//     arrays and nothing that its writers are known to get wrong.
//   - IPC (OpenIPC, NewIPCStream): messages are parsed and arrays are laid out by this package, so that a
//     length is never believed; Arrow's own reader is not called at all.
//   - Cast is the one compute function the house uses, on rebased arrays.
//   - Validate walks an array of any type and says what is wrong with it.
//
// Memory: every array that leaves the package belongs to the garbage collector. The allocator is always
// memory.DefaultAllocator, because pqarrow v17 uses pages after it released them, which is harmless only
// when released memory is not recycled. Records may be kept without Retain.
package guard
