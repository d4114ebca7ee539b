package array_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
	"github.com/weft-data/weft/store"
)

func runner(t testing.TB) *local.Runner {
	r := local.New(local.Options{Threads: 2, Pool: 64 << 20, SpillDir: t.TempDir()})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// same fails unless two arrays have equal shapes, types and elements.
func same(t *testing.T, r *local.Runner, got, want *array.Array) {
	t.Helper()
	a, err := got.Compute(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := want.Compute(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if a.DType != b.DType || !slices.Equal(a.Shape, b.Shape) || !slices.Equal(a.All(), b.All()) {
		t.Fatalf("%v %v %v\nwant %v %v %v", a.Shape, a.DType, a.All(), b.Shape, b.DType, b.All())
	}
}

var ctx = context.Background()

// sample is an array of any type, cut unevenly.
func sample(k array.DType, shape ...int) *array.Array {
	n := 1
	chunks := make([]any, len(shape))
	for i, s := range shape {
		n *= s
		chunks[i] = s/2 + 1
	}
	return array.Arange(0, n, 1).Mul(7).Mod(101).As(k).Reshape(shape...).Rechunk(chunks...)
}

var everyKind = []array.DType{array.Bool, array.Int8, array.Int16, array.Int32, array.Int64, array.Uint8, array.Uint16, array.Uint32, array.Uint64,
	array.Float32, array.Float64, array.Complex64, array.Complex128}

// TestFiles writes and reads arrays of every type in every format.
func TestFiles(t *testing.T) {
	r, dir := runner(t), t.TempDir()
	for _, k := range effort.Some(5, everyKind) {
		for i, shape := range [][]int{{}, {0}, {7}, {3, 0, 2}, {3, 4, 5}} {
			x := sample(k, shape...)
			path := filepath.Join(dir, "x")
			must(t, x.WriteNPY(ctx, r, path+".npy"))
			same(t, r, array.ReadNPY(path+".npy"), x)
			must(t, x.WriteRaw(ctx, r, path+".bin"))
			same(t, r, array.ReadRaw(path+".bin", k, shape, array.Raw{}), x)
			for _, o := range []array.ZarrOptions{{}, {Shards: slices.Repeat([]int{4}, len(shape))}, {Version: 2}, {Codec: "gzip", Level: 1}, {Version: 2, Codec: "lz4"}, {Codec: "none"}, {Version: 2, Codec: "none"}} {
				if len(shape) > 0 {
					o.Chunks = slices.Repeat([]int{2}, len(shape))
				}
				if i != 4 && k != array.Int16 && k != array.Complex64 {
					continue
				}
				must(t, os.RemoveAll(path+".zarr"))
				must(t, x.WriteZarr(ctx, r, path+".zarr", o))
				same(t, r, array.ReadZarr(path+".zarr"), x)
			}
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("%v %v", left, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSlicesOfFiles: what is read of a file is what is asked for, however it is asked.
func TestSlicesOfFiles(t *testing.T) {
	r, dir := runner(t), t.TempDir()
	x := sample(array.Float64, 9, 10, 11)
	npy, zip, shards, plain := filepath.Join(dir, "x.npy"), filepath.Join(dir, "x.zarr"), filepath.Join(dir, "s.zarr"), filepath.Join(dir, "p.zarr")
	must(t, x.WriteZarr(ctx, r, shards, array.ZarrOptions{Chunks: []int{2, 3, 4}, Shards: []int{4, 9, 4}}))
	must(t, x.WriteZarr(ctx, r, plain, array.ZarrOptions{Chunks: []int{2, 3, 4}, Shards: []int{10, 12, 12}, Codec: "none"}))
	must(t, x.WriteNPY(ctx, r, npy))
	must(t, x.WriteZarr(ctx, r, zip, array.ZarrOptions{Chunks: []int{2, 3, 4}}))
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, y := range []*array.Array{array.ReadNPY(npy), array.ReadNPY(npy, array.Chunks(2, 7, 3)), array.ReadZarr(zip), array.ReadZarr(zip, array.Chunks(2, 3, 4)),
		array.ReadZarr(zip, array.Chunks(3, 5, 4)), array.ReadZarr(shards), array.ReadZarr(shards, array.Chunks(3, 5, 4)), array.ReadZarr(plain, array.ChunkBytes(200))} {
		for range 20 {
			var ix []array.Ix
			for _, n := range x.Shape() {
				switch lo, hi := rnd.IntN(n), rnd.IntN(n)+1; rnd.IntN(4) {
				case 0:
					ix = append(ix, array.I(lo))
				case 1:
					ix = append(ix, array.S(hi-1, lo, -1-rnd.IntN(3)))
				default:
					ix = append(ix, array.S(lo, hi, 1+rnd.IntN(3)))
				}
			}
			same(t, r, y.Index(ix...), x.Index(ix...))
		}
		same(t, r, y.T().Mul(2).Add(y.T()), x.T().Mul(3))
		same(t, r, y.Sum(0, 2), x.Sum(0, 2))
		same(t, r, y.Rechunk(4, 4, 4).Sub(y), x.Sub(x))
	}
}

// TestRegions: arrays are written over parts of others, on disk.
func TestRegions(t *testing.T) {
	r, dir := runner(t), t.TempDir()
	for _, k := range []array.DType{array.Int16, array.Float64} {
		base, patch := sample(k, 9, 10), sample(k, 4, 5).Neg()
		want := array.Concat(0, base.Slice("0:3"), array.Concat(1, base.Slice("3:7,0:4"), patch, base.Slice("3:7,9:")), base.Slice("7:"))
		npy := filepath.Join(dir, k.String()+".npy")
		must(t, base.WriteNPY(ctx, r, npy))
		must(t, patch.StoreNPY(ctx, r, npy, []int{3, 4}))
		same(t, r, array.ReadNPY(npy), want)
		for _, o := range []array.ZarrOptions{{Chunks: []int{4, 4}}, {Chunks: []int{2, 3}, Shards: []int{4, 6}}, {Codec: "none", Chunks: []int{3, 1}, Shards: []int{3, 20}}, {Version: 2, Codec: "none", Chunks: []int{2, 7}}} {
			folder := filepath.Join(dir, "x.zarr")
			must(t, os.RemoveAll(folder))
			must(t, base.WriteZarr(ctx, r, folder, o))
			must(t, patch.Rechunk(1, 2).StoreZarr(ctx, r, folder, []int{3, 4}))
			same(t, r, array.ReadZarr(folder), want)
		}
		for _, err := range []error{patch.StoreNPY(ctx, r, npy, []int{6, 0}), patch.StoreZarr(ctx, r, filepath.Join(dir, "x.zarr"), []int{0, 6}), patch.As(array.Int8).StoreNPY(ctx, r, npy, []int{0, 0})} {
			if err == nil || !strings.Contains(err.Error(), "does not fit into (9, 10)") && !strings.Contains(err.Error(), "elements of int8 for an array of") {
				t.Error(err)
			}
		}
	}
}

// TestForeignOrder: files in Fortran order and big-endian.
func TestForeignOrder(t *testing.T) {
	r, dir := runner(t), t.TempDir()
	head := "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 3), }\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), 0)
	b = append(b, head...)
	first := int64(len(b))
	for _, v := range []uint32{0, 3, 1, 4, 2, 5} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	path := filepath.Join(dir, "x.npy")
	must(t, os.WriteFile(path, b, 0o666))
	want := array.Arange(0, 6, 1).As(array.Int32).Reshape(2, 3)
	same(t, r, array.ReadNPY(path), want)
	same(t, r, array.ReadNPY(path, array.Chunks(1, 2)), want)
	shape := []int{2, 3}
	same(t, r, array.ReadRaw(path, array.Int32, shape, array.Raw{Offset: first, BigEndian: true, Fortran: true}), want)
	if shape[0] != 2 {
		t.Errorf("reading a file in Fortran order made the caller's shape %v", shape)
	}
	must(t, want.Slice("0:1,1:3").Mul(10).StoreNPY(ctx, r, path, []int{1, 1}))
	same(t, r, array.ReadNPY(path), array.FromSlice([]int32{0, 1, 2, 3, 10, 20}, []int{2, 3}))
}

// TestNPZ reads archives, stored and compressed.
func TestNPZ(t *testing.T) {
	r, dir := runner(t), t.TempDir()
	x := sample(array.Int16, 20, 30)
	must(t, x.WriteNPY(ctx, r, filepath.Join(dir, "x.npy")))
	b, err := os.ReadFile(filepath.Join(dir, "x.npy"))
	must(t, err)
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		path := filepath.Join(dir, "x.npz")
		f, err := os.Create(path)
		must(t, err)
		z := zip.NewWriter(f)
		objects := bytes.Replace(b, []byte("<i2"), []byte("|O "), 1) // NumPy writes such beside numbers
		for _, m := range []struct {
			name string
			npy  []byte
		}{{"objects.npy", objects}, {"first.npy", b}, {"second.npy", b}} {
			w, err := z.CreateHeader(&zip.FileHeader{Name: m.name, Method: method})
			must(t, err)
			_, err = w.Write(m.npy)
			must(t, err)
		}
		must(t, errors.Join(z.Close(), f.Close()))
		same(t, r, array.ReadNPZ(path, "second"), x)
		same(t, r, array.ReadNPZ(path, "first", array.Chunks(7, 30)).Slice("3:15:2, 4:"), x.Slice("3:15:2, 4:"))
		if err := array.ReadNPZ(path, "third").Err(); err == nil || !strings.Contains(err.Error(), `has no array "third"; it has ["objects" "first" "second"]`) {
			t.Error(err)
		}
		if err := array.ReadNPZ(path, "objects").Err(); err == nil || !strings.Contains(err.Error(), `x.npz: member "objects.npy": the header, at byte 25: elements of type "|O "`) {
			t.Error(err)
		}
	}
}

// TestFileErrors: what cannot be read is refused, when the plan is built if that can be known.
func TestFileErrors(t *testing.T) {
	r, dir := runner(t), t.TempDir()
	path := filepath.Join(dir, "x.npy")
	for _, x := range []*array.Array{array.ReadNPY(path), array.ReadRaw(path, array.Int8, []int{1}, array.Raw{}), array.ReadZarr(dir), array.ReadNPZ(path, "a")} {
		if err := x.Err(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "io_test.go:") {
			t.Error(err)
		}
	}
	must(t, array.Ones([]int{100}).WriteNPY(ctx, r, path))
	x := array.ReadNPY(path)
	if err := array.ReadRaw(path, array.Float64, []int{1000}, array.Raw{}).Err(); err == nil || !strings.Contains(err.Error(), "8000 bytes at 0 of a file of") {
		t.Error(err)
	}
	must(t, os.WriteFile(path, []byte("other"), 0o666))
	if _, err := x.Compute(ctx, r); err == nil || !strings.Contains(err.Error(), "changed after the plan was built") {
		t.Error(err)
	}
	if err := array.ReadNPY(path).Err(); err == nil || !strings.Contains(err.Error(), "not an .npy file") {
		t.Error(err)
	}
	folder := filepath.Join(dir, "x.zarr")
	must(t, sample(array.Int32, 8).WriteZarr(ctx, r, folder, array.ZarrOptions{Chunks: []int{4}}))
	if err := array.Ones([]int{3}).WriteZarr(ctx, r, folder, array.ZarrOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	must(t, os.WriteFile(filepath.Join(folder, "c", "1"), []byte("no zstd"), 0o666))
	if _, err := array.ReadZarr(folder).Compute(ctx, r); err == nil || !strings.Contains(err.Error(), "x.zarr, chunk c/1: ") {
		t.Error(err)
	}
	must(t, os.Remove(filepath.Join(folder, "c", "1")))
	same(t, r, array.ReadZarr(folder).Slice("4:"), array.Zeros([]int{4}, array.Of(array.Int32)))
	if err := array.Ones([]int{3}).WriteZarr(ctx, r, folder+"2", array.ZarrOptions{Codec: "lz4"}); err == nil || !strings.Contains(err.Error(), `codec "lz4" of version 3`) {
		t.Error(err)
	}
}

// TestWholeOrNothing: a plan that fails leaves no file behind.
func TestWholeOrNothing(t *testing.T) {
	r, dir := runner(t), t.TempDir()
	x := array.MapBlocks(broken, array.Float64, array.Ones([]int{10}))
	for _, err := range []error{x.WriteNPY(ctx, r, filepath.Join(dir, "a")), x.WriteZarr(ctx, r, filepath.Join(dir, "b"), array.ZarrOptions{})} {
		if err == nil || !strings.Contains(err.Error(), "broken in 1 axes") {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

// inMemory is a driver of URLs.
type inMemory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (m *inMemory) Stat(_ context.Context, path string) (store.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.files[path]
	if !ok {
		return store.Info{}, fs.ErrNotExist
	}
	return store.Info{Path: path, Size: int64(len(b)), Version: 1}, nil
}

func (m *inMemory) List(context.Context, string) ([]store.Info, error) { return nil, nil }

func (m *inMemory) Range(_ context.Context, path string, off, n int64) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return io.NopCloser(bytes.NewReader(m.files[path][off : off+n])), nil
}

func (m *inMemory) Put(_ context.Context, path string, r io.Reader, _ int64) error {
	b, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[path] = b
	return err
}

func (m *inMemory) Remove(_ context.Context, path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, path)
	return nil
}

// TestElsewhere reads and writes arrays by URL.
func TestElsewhere(t *testing.T) {
	m := &inMemory{files: map[string][]byte{}}
	store.Register("arrays", m)
	r := runner(t)
	x := sample(array.Int32, 7, 9)
	for _, o := range []array.ZarrOptions{{Chunks: []int{2, 4}}, {Version: 2, Codec: "none", Chunks: []int{3, 2}}} {
		url := "arrays://place/" + strconv.Itoa(o.Version)
		must(t, x.WriteZarr(ctx, r, url, o))
		same(t, r, array.ReadZarr(url), x)
		must(t, x.Slice(":2,:2").Neg().StoreZarr(ctx, r, url, []int{1, 1}))
		same(t, r, array.ReadZarr(url).Slice("1:3,1:3"), x.Slice(":2,:2").Neg())
		if err := x.WriteZarr(ctx, r, url, o); !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
	}
	path := filepath.Join(t.TempDir(), "x.npy")
	must(t, x.WriteNPY(ctx, r, path))
	b, err := os.ReadFile(path)
	must(t, err)
	m.files["arrays://x.npy"] = b
	same(t, r, array.ReadNPY("arrays://x.npy", array.Chunks(2, 3)).T(), x.T())
	for _, err := range []error{x.WriteNPY(ctx, r, "arrays://y.npy"), x.StoreNPY(ctx, r, "arrays://x.npy", []int{0, 0}), array.ReadNPY("none://x").Err()} {
		if err == nil || !strings.Contains(err.Error(), "arrays://") && !strings.Contains(err.Error(), "no driver for none://") {
			t.Error(err)
		}
	}
}

// TestBrokenShards: shards that were cut off or changed are errors that name the object.
func TestBrokenShards(t *testing.T) {
	r, folder := runner(t), filepath.Join(t.TempDir(), "x.zarr")
	x := sample(array.Float64, 8, 8)
	must(t, x.WriteZarr(ctx, r, folder, array.ZarrOptions{Chunks: []int{2, 2}, Shards: []int{8, 8}}))
	object := filepath.Join(folder, "c", "0", "0")
	good, err := os.ReadFile(object)
	must(t, err)
	sum := slices.Clone(good)
	sum[len(sum)-1] ^= 1
	for want, b := range map[string][]byte{"fewer than the 260 of the index": good[:100], "the index of a shard has the sum": sum, "it is broken": good[:len(good)-1]} {
		must(t, os.WriteFile(object, b, 0o666))
		_, err := array.ReadZarr(folder).Compute(ctx, r)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "chunk c/0/0") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestStoresMeet: of regions that are written at the same time, with chunks in common, all elements are there at the end.
func TestStoresMeet(t *testing.T) {
	const n, parts = 60, 4 // elements of a part, which ends within a chunk
	ctx, r := context.Background(), runner(t)
	for _, o := range []array.ZarrOptions{{Codec: "none"}, {Version: 2}, {Chunks: []int{20}, Shards: []int{80}}} {
		if o.Shards == nil {
			o.Chunks = []int{80}
		}
		folder := filepath.Join(t.TempDir(), "x.zarr")
		must(t, array.Zeros([]int{n * parts}).WriteZarr(ctx, r, folder, o))
		for round := range 10 {
			errs := make([]error, parts)
			var all sync.WaitGroup
			for i := range parts {
				all.Go(func() {
					errs[i] = array.Full([]int{n}, float64(round*parts+i+1)).StoreZarr(ctx, r, folder, []int{i * n})
				})
			}
			all.Wait()
			must(t, errors.Join(errs...))
			want := array.Arange(0, n*parts, 1).FloorDiv(n).Add(float64(round*parts + 1))
			same(t, r, array.ReadZarr(folder), want.As(array.Float64))
		}
	}
}
