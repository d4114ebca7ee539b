package array

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/weft-data/weft/format/netcdf"
	"github.com/weft-data/weft/format/npy"
	"github.com/weft-data/weft/format/zarr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/whole"
	ops "github.com/weft-data/weft/op/array"
	"github.com/weft-data/weft/store"
)

// ReadNPY is the array of a .npy file. Only its header is read now; blocks are read
// where they are needed, and only what of them is needed. Without Chunks, blocks
// are of elements that lie together in the file. The file must not change while
// plans use it: one that did is an error when they run.
//
// Arrays in Fortran order and in foreign byte order are read too; objects,
// structures and texts are not.
func ReadNPY(path string, opts ...Option) *Array {
	o, info, err := store.Open(context.Background(), path)
	if err != nil {
		return fail("ReadNPY", "%w", err)
	}
	defer o.Close()
	h, err := npy.Read(o, info.Size)
	if err != nil {
		return fail("ReadNPY", "%s: %w", store.Name(path), err)
	}
	return inNumPy("ReadNPY", ops.File{Info: info}, h, opts)
}

// inNumPy is the array that a header describes.
func inNumPy(verb string, f ops.File, h npy.Header, opts []Option) *Array {
	f.Offset, f.Swap = h.Offset, h.Swap
	return inFile(verb, f, ints(h.Shape), h.Kind, h.Fortran, opts)
}

// ReadNPZ is an array of a .npz file, by its name. Arrays of a compressed file can
// only be read from their begin: each block costs reading all before it. Without
// Chunks they are one block.
func ReadNPZ(path, name string, opts ...Option) *Array {
	o, info, err := store.Open(context.Background(), path)
	if err != nil {
		return fail("ReadNPZ", "%w", err)
	}
	defer o.Close()
	members, err := npy.Members(o, info.Size)
	if err != nil {
		return fail("ReadNPZ", "%s: %w", store.Name(path), err)
	}
	var names []string
	for _, m := range members {
		if names = append(names, m.Name); m.Name != name {
			continue
		}
		if err := m.Describe(o, info.Size); err != nil {
			return fail("ReadNPZ", "%s: %w", store.Name(path), err)
		}
		f := ops.File{Info: info}
		if m.Packed {
			f.Packed = &ops.Packed{At: m.Offset, Length: m.Length}
			opts = append([]Option{Chunks(-1)}, opts...)
		} else {
			m.Header.Offset += m.Offset
		}
		return inNumPy("ReadNPZ", f, m.Header, opts)
	}
	return fail("ReadNPZ", "%s has no array %q; it has %q", path, name, names)
}

// ReadNetCDF is a variable of a NetCDF file in one of the classic formats (CDF-1, CDF-2
// and CDF-5), by its name, see ReadNPY. Characters are uint8. Attributes such as
// scale_factor are not applied: package netcdf reads them. Files of NetCDF 4, which are
// HDF5, are refused.
func ReadNetCDF(path, name string, opts ...Option) *Array {
	const verb = "ReadNetCDF"
	o, info, err := store.Open(context.Background(), path)
	if err != nil {
		return fail(verb, "%w", err)
	}
	defer o.Close()
	f, err := netcdf.Read(o, info.Size)
	if err != nil {
		return fail(verb, "%s: %w", store.Name(path), err)
	}
	v, err := f.Var(name)
	if err != nil {
		return fail(verb, "%s: %w", store.Name(path), err)
	}
	return inFile(verb, ops.File{Info: info, Offset: v.Offset, Stride: v.Stride, Swap: true}, ints(v.Shape), v.Kind, false, opts)
}

// A Raw says how the elements of a file without a header lie. The zero value: in
// row-major order, little-endian, from the begin of the file.
type Raw struct {
	Offset    int64 // of the first element
	BigEndian bool
	Fortran   bool // the first axis counts fastest
}

// ReadRaw is an array of elements of type k in a file, see ReadNPY.
func ReadRaw(path string, k DType, shape []int, layout Raw, opts ...Option) *Array {
	info, err := store.Stat(context.Background(), path)
	if err != nil {
		return fail("ReadRaw", "%w", err)
	}
	return inFile("ReadRaw", ops.File{Info: info, Offset: layout.Offset, Swap: layout.BigEndian}, shape, k, layout.Fortran, opts)
}

// inFile is an array in one file.
func inFile(verb string, f ops.File, shape []int, k DType, fortran bool, opts []Option) *Array {
	o := settle(k, opts)
	want := o.kind
	o.kind = k
	if fortran { // of the reversed array in row-major order
		shape = slices.Clone(shape)
		slices.Reverse(shape)
		if len(o.chunks) == len(shape) {
			o.chunks = slices.Clone(o.chunks)
			slices.Reverse(o.chunks)
		}
	}
	if len(o.chunks) == 0 {
		o.chunks = runs(shape, o.limit/int64(max(k.Width(), 1)))
	}
	x := made(verb, shape, o, func(whole grid.Grid) ops.Leaf {
		return ops.Leaf{Kind: ops.Stored, Type: k, Grid: whole, View: straight(len(shape)), File: &f}
	})
	if fortran && x.err == nil {
		x = x.Transpose()
	}
	return x.As(want)
}

// runs are chunks of at most so many elements that lie together in row-major order.
func runs(shape []int, limit int64) []any {
	chunks := make([]any, len(shape))
	left := max(limit, 1)
	for i := len(shape) - 1; i >= 0; i-- {
		n := min(int64(max(shape[i], 1)), left)
		chunks[i] = int(n)
		left = max(left/n, 1)
		if n < int64(shape[i]) {
			left = 1
		}
	}
	return chunks
}

// ReadZarr is the Zarr array, version 2 or 3, of a folder. Its metadata is read
// now. Without Chunks, blocks are as many chunks of the store as make about what
// Auto aims at. Chunks that are missing are the array's fill value. Codecs that are
// read: gzip, zlib, zstd, lz4, blosc with all of its methods, crc32c, shuffle and
// transpose, also within shards; of shards, the chunks that are wanted.
func ReadZarr(folder string, opts ...Option) *Array {
	m, err := zarr.Open(context.Background(), zarr.Folder{Dir: folder})
	if err != nil {
		return fail("ReadZarr", "%s: %w", store.Name(folder), err)
	}
	o := settle(m.Kind, opts)
	want := o.kind
	o.kind = m.Kind
	back := make([]int, len(m.Order)) // stored axis of each axis
	for i, a := range m.Order {
		back[a] = i
	}
	if len(o.chunks) == 0 {
		o.chunks = multiples(m, o.limit)
	} else if len(o.chunks) == len(m.Order) {
		given := o.chunks
		o.chunks = make([]any, len(given))
		for i, a := range m.Order {
			o.chunks[i] = given[a]
		}
	}
	f := ops.File{Info: store.Info{Path: folder}, Zarr: m}
	x := made("ReadZarr", ints(m.Shape), o, func(whole grid.Grid) ops.Leaf {
		return ops.Leaf{Kind: ops.Stored, Type: m.Kind, Grid: whole, View: straight(len(m.Shape)), File: &f}
	})
	if x.err == nil && !slices.IsSorted(m.Order) {
		x = x.Transpose(back...)
	}
	return x.As(want)
}

// multiples are blocks of several chunks of a store, last axes first, up to limit
// bytes; of shards, unless one is larger than that.
func multiples(m *zarr.Meta, limit int64) []any {
	size, left := slices.Clone(m.Chunk), max(limit/m.ChunkBytes(), 1)
	if m.ChunkBytes() > limit {
		size, left = slices.Clone(m.Unit()), max(limit/m.UnitBytes(), 1)
	}
	for i := len(size) - 1; i >= 0; i-- {
		n := min((m.Shape[i]+size[i]-1)/size[i], left)
		if n = max(n, 1); n > 1 {
			size[i] *= n
			left /= n
		}
	}
	out := make([]any, len(size))
	for i, n := range size {
		out[i] = int(n)
	}
	return out
}

// save runs the plan that writes x into an array of the given shape, from an
// element on.
func (x *Array) save(ctx context.Context, r graph.Runner, verb string, to ops.File, full []int64, at []int, fresh bool, opts []RunOption) error {
	p := ops.SaveParams{In: x.grid, Kind: x.kind, To: to, Full: full, New: fresh, At: make([]int64, len(x.grid))}
	for i, n := range at {
		p.At[i] = int64(n)
	}
	counts := make(grid.Grid, len(x.grid))
	for i, a := range x.grid {
		counts[i] = grid.Axis{{Size: 1, Count: a.Blocks()}}
	}
	y := add(verb, ops.Save, p, counts, elem.Int64, link{x.n, grid.Wiring{One: true}})
	_, err := y.blocks(ctx, r, graph.Run, opts, func(graph.Delivered) error { return nil })
	return err
}

// writeCost is what a call costs, in seconds, that writes some bytes into a file.
const writeCost = 3e-6

// toWrite is x, or the array as it was before it was cut anew, for a store that is cut into
// chunks: what costs less. What is in a store does not depend on the chunks of the array, and
// to write pieces of it costs less than to cut it, unless they are very small.
func (x *Array) toWrite(chunks grid.Grid) *Array {
	cutting := float64(x.NBytes()) * byteCost
	if y := x.uncut; y != nil && stretches(y.grid, chunks)*writeCost <= stretches(x.grid, chunks)*writeCost+cutting {
		return y
	}
	return x
}

// oneChunk is the store of one file.
func (x *Array) oneChunk() grid.Grid {
	g := make(grid.Grid, len(x.grid))
	for i, a := range x.grid {
		g[i] = single(a.Len())
	}
	return g
}

// stretches is in how many places blocks of g are written into chunks, each of which lies in
// row-major order.
func stretches(g, chunks grid.Grid) float64 {
	n, apart := 1.0, false
	for i := len(g) - 1; i >= 0; i-- {
		if apart {
			n *= float64(g[i].Len())
			continue
		}
		parts := grid.Refine(g[i], chunks[i]).Blocks()
		n, apart = n*float64(parts), parts > chunks[i].Blocks()
	}
	return n
}

// create writes x into one new file after a header.
func (x *Array) create(ctx context.Context, r graph.Runner, verb, path string, header []byte, opts []RunOption) (err error) {
	if x.err != nil {
		return x.err
	}
	if store.IsRemote(path) { // blocks are written at their places, which uploads cannot do
		return fmt.Errorf("%s: %s: only files of this machine can be written: take WriteZarr", verb, store.Name(path))
	}
	w, err := whole.Create(path)
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	defer w.Close()
	if _, err := w.Write(header); err != nil {
		return err
	}
	if err := w.Truncate(int64(len(header)) + x.NBytes()); err != nil {
		return err
	}
	to := ops.File{Info: store.Info{Path: w.Name()}, Offset: int64(len(header))}
	if err := x.toWrite(x.oneChunk()).save(ctx, r, verb, to, x.grid.Shape(), nil, true, opts); err != nil {
		return err
	}
	return w.Commit()
}

// WriteNPY runs the plan and writes the array to a .npy file in row-major order.
// The file appears under its name when it is complete. On a cluster all workers
// must see it under its path.
func (x *Array) WriteNPY(ctx context.Context, r graph.Runner, path string, opts ...RunOption) error {
	return x.create(ctx, r, "WriteNPY", path, npy.Append(nil, x.kind, x.grid.Shape()), opts)
}

// WriteRaw is WriteNPY without a header.
func (x *Array) WriteRaw(ctx context.Context, r graph.Runner, path string, opts ...RunOption) error {
	return x.create(ctx, r, "WriteRaw", path, nil, opts)
}

// ZarrOptions are the options of WriteZarr. The zero value is good.
type ZarrOptions struct {
	Version int    // 3 (the default) or 2
	Chunks  []int  // of the store; by default those of the array's first block
	Codec   string // "zstd" (the default), "gzip", "lz4" (version 2) or "none"
	Level   int    // of the codec; 0 means its default
	// Shards is the shape of what lies in one object, of version 3: multiples of Chunks.
	// Readers find each chunk in it by an index; it is written whole.
	Shards []int
}

func (o *ZarrOptions) meta(x *Array) (*zarr.Meta, error) {
	m := &zarr.Meta{Version: o.Version, Kind: x.kind, Shape: x.grid.Shape(), Sep: "/", Prefix: "c", Fill: []uint64{0, 0}}
	switch o.Version {
	case 0:
		m.Version = 3
	case 2:
		m.Sep, m.Prefix = ".", ""
	}
	if o.Chunks != nil && len(o.Chunks) != len(x.grid) {
		return nil, fmt.Errorf("chunks %s of an array of shape %s", grid.Tuple(o.Chunks), grid.Tuple(x.Shape()))
	}
	for i, a := range x.grid {
		m.Order = append(m.Order, int32(i))
		n := max(a[0].Size, 1)
		if o.Chunks != nil {
			n = int64(o.Chunks[i])
		}
		m.Chunk = append(m.Chunk, n)
	}
	levels := map[string]int{"zstd": 3, "gzip": 6, "lz4": 0}
	level, ok := levels[o.Codec]
	switch {
	case o.Codec == "":
		o.Codec, level, ok = "zstd", levels["zstd"], true
	case o.Codec == "lz4" && m.Version == 3:
		ok = false
	}
	if o.Level != 0 {
		level = o.Level
	}
	if o.Codec != "none" {
		if !ok {
			return nil, fmt.Errorf("codec %q of version %d: want zstd, gzip, none, or lz4 in version 2", o.Codec, m.Version)
		}
		m.Codecs = []zarr.Codec{{Name: o.Codec, Level: level}}
	}
	if o.Shards != nil {
		if len(o.Shards) != len(m.Chunk) {
			return nil, fmt.Errorf("shards %s of an array of shape %s", grid.Tuple(o.Shards), grid.Tuple(x.Shape()))
		}
		m.Inner = &zarr.Inner{Chunk: m.Chunk, Codecs: m.Codecs, Summed: true}
		m.Codecs, m.Chunk = nil, make([]int64, len(o.Shards))
		for i, n := range o.Shards {
			m.Chunk[i] = int64(n)
		}
	}
	return m, m.Check()
}

// WriteZarr runs the plan and writes the array as a Zarr array into a folder, which
// must not be there yet and appears when it is complete; at a URL, the metadata that
// makes it an array is written last. Blocks are cut to whole
// chunks of the store, but for those that are not compressed.
func (x *Array) WriteZarr(ctx context.Context, r graph.Runner, folder string, o ZarrOptions, opts ...RunOption) error {
	if x.err != nil {
		return x.err
	}
	m, err := o.meta(x)
	if err != nil {
		return fmt.Errorf("WriteZarr: %w", err)
	}
	var y *Array
	if m.Plain() && !store.IsRemote(folder) {
		chunks := make(grid.Grid, len(x.grid))
		for i, a := range x.grid {
			chunks[i] = grid.Uniform(a.Len(), m.Chunk[i])
		}
		y = x.toWrite(chunks)
	} else if y = x.toChunks("WriteZarr", m.Chunk, make([]int64, len(x.grid))); y.err != nil {
		return y.err
	}
	key, text, err := m.Names()
	if err != nil {
		return err
	}
	if store.IsRemote(folder) { // the array is there when its metadata is
		return y.upload(ctx, r, folder, m, key, text, opts)
	}
	w, err := whole.CreateFolder(folder)
	if err != nil {
		return fmt.Errorf("WriteZarr: %w", err)
	}
	defer w.Close()
	if err := y.save(ctx, r, "WriteZarr", ops.File{Info: store.Info{Path: w.Name}, Zarr: m}, m.Shape, nil, true, opts); err != nil {
		return err
	}
	if err := os.WriteFile(zarr.Folder{Dir: w.Name}.Path(key), text, 0o666); err != nil {
		return err
	}
	return w.Commit()
}

// upload writes a Zarr array to a URL.
func (x *Array) upload(ctx context.Context, r graph.Runner, folder string, m *zarr.Meta, key string, text []byte, opts []RunOption) error {
	to := zarr.Folder{Dir: folder}
	if _, err := store.Stat(ctx, to.Path(key)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("WriteZarr: %s: %w", store.Name(folder), fs.ErrExist), err)
	}
	if err := x.save(ctx, r, "WriteZarr", ops.File{Info: store.Info{Path: folder}, Zarr: m}, m.Shape, nil, true, opts); err != nil {
		return err
	}
	return to.Write(ctx, key, text)
}

// toChunks cuts x so that no two blocks meet one chunk of a store into which it is
// written from element at on: blocks end at ends of chunks, near where they did.
func (x *Array) toChunks(verb string, chunk, at []int64) *Array {
	g := make(grid.Grid, len(x.grid))
	for i, a := range x.grid {
		end, last, n := int64(0), int64(0), a.Len()
		for _, k := range a.All() {
			end += k
			cut := end
			if end < n {
				cut = (at[i]+end+chunk[i]-1)/chunk[i]*chunk[i] - at[i]
			}
			if cut = min(cut, n); cut > last {
				g[i] = g[i].Append(cut-last, 1)
				last = cut
			}
		}
		if g[i] == nil {
			g[i] = grid.Uniform(n, 0)
		}
	}
	return x.cut(verb, g)
}

// StoreNPY runs the plan and writes the array over a region of the array of a .npy
// file, from element at on: the file is changed in place, and stays as far as it was
// written if that fails. Types must be equal.
func (x *Array) StoreNPY(ctx context.Context, r graph.Runner, path string, at []int, opts ...RunOption) error {
	if x.err != nil {
		return x.err
	}
	if store.IsRemote(path) {
		return fmt.Errorf("StoreNPY: %s: a file elsewhere cannot be changed in place", store.Name(path))
	}
	o, info, err := store.Open(ctx, path)
	if err != nil {
		return fmt.Errorf("StoreNPY: %w", err)
	}
	h, err := npy.Read(o, info.Size)
	_ = o.Close()
	if err != nil {
		return fmt.Errorf("StoreNPY: %s: %w", path, err)
	}
	f := ops.File{Info: info, Offset: h.Offset, Swap: h.Swap}
	at, full, y := slices.Clone(at), h.Shape, x
	if err := x.fitsRegion(h.Kind, full, at); err != nil {
		return fmt.Errorf("StoreNPY: %s: %w", path, err)
	}
	if h.Fortran {
		slices.Reverse(at)
		slices.Reverse(full)
		if y = x.Transpose(); x.uncut != nil {
			y.uncut = x.uncut.Transpose()
		}
	}
	return y.toWrite(y.oneChunk()).save(ctx, r, "StoreNPY", f, full, at, true, opts)
}

// fitsRegion reports why x cannot be written into an array from an element on.
func (x *Array) fitsRegion(k elem.Kind, full []int64, at []int) error {
	ok := len(full) == len(x.grid) && len(at) == len(full)
	for i := range at {
		ok = ok && at[i] >= 0 && x.grid[i].Len() <= full[i]-int64(at[i])
	}
	if !ok {
		return fmt.Errorf("shape %s from %s on does not fit into %s", grid.Tuple(x.Shape()), grid.Tuple(at), grid.Tuple(full))
	}
	if k != x.kind {
		return fmt.Errorf("elements of %s for an array of %s: use As", x.kind, k)
	}
	return nil
}

// StoreZarr is StoreNPY into the Zarr array of a folder, with its codecs. Every chunk is written at
// once or not at all; chunks that are partly in the region are read before. Regions that have
// chunks in common may be written at the same time, also by several programs, if the folder is
// on a file system with locks (flock): then each finds what the others have written. Elsewhere,
// and at a URL, of two that change parts of one chunk at the same time one is lost: let their
// regions end where chunks, of shards the shards, do.
func (x *Array) StoreZarr(ctx context.Context, r graph.Runner, folder string, at []int, opts ...RunOption) error {
	if x.err != nil {
		return x.err
	}
	m, err := zarr.Open(ctx, zarr.Folder{Dir: folder})
	if err != nil {
		return fmt.Errorf("StoreZarr: %s: %w", store.Name(folder), err)
	}
	full, from, stored := make([]int64, len(m.Shape)), make([]int64, len(m.Shape)), make([]int, len(m.Shape))
	for i, a := range m.Order {
		full[a] = m.Shape[i]
	}
	if err := x.fitsRegion(m.Kind, full, at); err != nil {
		return fmt.Errorf("StoreZarr: %s: %w", store.Name(folder), err)
	}
	order := make([]int, len(m.Order))
	for i, a := range m.Order {
		order[i], from[i], stored[i] = int(a), int64(at[a]), at[a]
	}
	y := x
	if !slices.IsSorted(m.Order) {
		y = x.Transpose(order...)
	}
	if y = y.toChunks("StoreZarr", m.Chunk, from); y.err != nil {
		return y.err
	}
	return y.save(ctx, r, "StoreZarr", ops.File{Info: store.Info{Path: folder}, Zarr: m}, m.Shape, stored, false, opts)
}
