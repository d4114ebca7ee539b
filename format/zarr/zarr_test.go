package zarr

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/store"
)

// zipped is a folder of testdata/python.zip, whose arrays zarr-python 3.1.6 with numcodecs 0.16.6 wrote.
type zipped struct {
	files map[string]*zip.File
	name  string
}

func open(t testing.TB) map[string]*zip.File {
	r, err := zip.OpenReader("testdata/python.zip")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	m := map[string]*zip.File{}
	for _, f := range r.File {
		m[f.Name] = f
	}
	return m
}

func (z zipped) Open(_ context.Context, key string) (store.File, store.Info, error) {
	f := z.files[z.name+"/"+key]
	if f == nil {
		return nil, store.Info{}, fs.ErrNotExist
	}
	r, err := f.Open()
	if err != nil {
		return nil, store.Info{}, err
	}
	b, err := io.ReadAll(r)
	return object{bytes.NewReader(b)}, store.Info{Size: int64(len(b))}, err
}

// object is an object in memory.
type object struct{ *bytes.Reader }

func (object) Close() error { return nil }
func (object) Name() string { return "" }

func (z zipped) Write(context.Context, string, []byte) error { return fs.ErrPermission }

// cells reads an array whole, as numbers in the order of its own axes.
func cells(s Store, m *Meta) (out []float64, err error) {
	c, err := NewCoder(m)
	if err != nil {
		return nil, err
	}
	n := int64(1)
	for _, k := range m.Shape {
		n *= k
	}
	out = make([]float64, n)
	d := len(m.Shape)
	unit := m.Unit()
	dst := make([]byte, m.UnitBytes())
	chunks := map[string]bool{}
	for at := range n {
		// where element at of the stored order lies, and its place in row-major order of the array
		idx, rest := make([]int64, d), at
		for i := d - 1; i >= 0; i-- {
			idx[i] = rest % m.Shape[i]
			rest /= m.Shape[i]
		}
		pos, in, logical := make([]int64, d), int64(0), make([]int64, d)
		shape := make([]int64, d)
		for i := range d {
			pos[i] = idx[i] / m.Chunk[i]
			in = in*unit[i] + idx[i]%unit[i]
			logical[m.Order[i]], shape[m.Order[i]] = idx[i], m.Shape[i]
		}
		place := int64(0)
		for i := range d {
			place = place*shape[i] + logical[i]
		}
		b, err := read(context.Background(), s, m.Key(pos))
		if err == fs.ErrNotExist {
			out[place] = math.Float64frombits(m.Fill[0])
			continue
		}
		if err != nil {
			return nil, err
		}
		chunks[m.Key(pos)] = true
		if m.Inner != nil {
			for i := range d {
				pos[i] = idx[i] / unit[i]
			}
			off, n, ok, err := inShard(m, b, m.Slot(pos))
			if err != nil {
				return nil, err
			}
			if !ok {
				out[place] = math.Float64frombits(m.Fill[0])
				continue
			}
			b = bytes.Clone(b[off : off+n])
		}
		if err := c.Decode(context.Background(), dst, b); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Key(pos), err)
		}
		w := int64(m.Kind.Width())
		e := bytes.Clone(dst[in*w : in*w+w])
		if m.Swap {
			for i, j := 0, len(e)-1; i < j; i, j = i+1, j-1 {
				e[i], e[j] = e[j], e[i]
			}
		}
		switch m.Kind {
		case elem.Float64:
			out[place] = math.Float64frombits(binary.LittleEndian.Uint64(e))
		case elem.Float32:
			out[place] = float64(math.Float32frombits(binary.LittleEndian.Uint32(e)))
		case elem.Int32:
			out[place] = float64(int32(binary.LittleEndian.Uint32(e)))
		case elem.Int16:
			out[place] = float64(int16(binary.LittleEndian.Uint16(e)))
		default:
			return nil, fmt.Errorf("the test reads no %s", m.Kind)
		}
	}
	return out, nil
}

// inShard finds a chunk in a shard.
func inShard(m *Meta, b []byte, slot int64) (off, n int64, ok bool, err error) {
	at, err := m.IndexAt(int64(len(b)))
	if err != nil {
		return 0, 0, false, err
	}
	x, err := m.NewIndex(b[at:at+m.IndexBytes()], int64(len(b)))
	if err != nil {
		return 0, 0, false, err
	}
	return x.Find(slot)
}

// TestPython reads what zarr-python wrote, with every codec that is read.
func TestPython(t *testing.T) {
	files := open(t)
	read := 0
	for name := range files {
		name, meta, _ := strings.Cut(name, "/")
		if meta != ".zarray" && meta != "zarr.json" || strings.Contains(name, "split") || strings.Contains(name, "bits") {
			continue
		}
		s := zipped{files, name}
		m, err := Open(context.Background(), s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := cells(s, m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read++
		for i, v := range got {
			want := float64(i)/4 - 3
			switch {
			case m.Kind == elem.Int32:
				want = float64(i)*37 - 500
			case name == "v3_fill":
				if want = math.NaN(); i/11 >= 5 && i%11 >= 6 && i%11 < 9 {
					want = 2.5
				}
			}
			if v != want && !(v != v && want != want) {
				t.Fatalf("%s: element %d is %v, not %v", name, i, v, want)
			}
		}
	}
	if read != 30 {
		t.Errorf("%d arrays were read", read)
	}
}

// TestBloscBlocks: containers of several blocks, with a stream for each byte of an element.
func TestBloscBlocks(t *testing.T) {
	files := open(t)
	var first []byte
	for _, name := range []string{"v2_blosc_split", "v2_blosc_bits", "v2_blosclz_split"} {
		s := zipped{files, name}
		m, err := Open(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		b, err := read(context.Background(), s, "0")
		if err != nil {
			t.Fatal(err)
		}
		c, _ := NewCoder(m)
		dst := make([]byte, m.ChunkBytes())
		if err := c.Decode(context.Background(), dst, b); err != nil {
			t.Fatal(name, err)
		}
		if first == nil {
			first = dst
			continue
		}
		if !bytes.Equal(first, dst) {
			t.Errorf("%s has other elements", name)
		}
		for i := 2; i < len(dst); i += 2 {
			a, b := int16(binary.LittleEndian.Uint16(dst[i-2:])), int16(binary.LittleEndian.Uint16(dst[i:]))
			if b-a < -3 || b-a > 8 {
				t.Fatalf("element %d is %d after %d", i/2, b, a)
			}
		}
	}
}

// TestBloscLZ: streams that repeat what lies near and far, for long.
func TestBloscLZ(t *testing.T) {
	s := zipped{open(t), "v2_blosclz_split_far"}
	m, err := Open(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := read(context.Background(), s, "0")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := NewCoder(m)
	dst := make([]byte, m.ChunkBytes())
	if err := c.Decode(context.Background(), dst, b); err != nil {
		t.Fatal(err)
	}
	for i := range len(dst) / 4 {
		want := i % 5000 * (i % 5000) >> 3
		if i/1000%7 == 3 {
			want = 0
		}
		if got := int(binary.LittleEndian.Uint32(dst[4*i:])); got != want {
			t.Fatalf("element %d is %d, not %d", i, got, want)
		}
	}
	for _, broken := range []string{"\x05abc", "\x00a\x20\x01", "\x00a\xe0", "\x00a\xff\xff", "\x00a\x3f\xff\x00", "\x00a\xe0\xff\xff\xff\xff\x00\x00"} {
		if out, err := openBloscLZ(make([]byte, 0, 64), []byte(broken)); err == nil {
			t.Errorf("%q gave %q", broken, out)
		}
	}
}

// TestRoundTrip: every codec that writes reads what it wrote.
func TestRoundTrip(t *testing.T) {
	src := make([]byte, 4096)
	for i := range src {
		src[i] = byte(i * i >> 5)
	}
	for _, list := range [][]Codec{nil, {{Name: "gzip", Level: 5}}, {{Name: "zlib", Level: -1}}, {{Name: "zstd", Level: 3}}, {{Name: "lz4"}},
		{{Name: "shuffle", Width: 8}, {Name: "zstd", Level: 1}}, {{Name: "zstd"}, {Name: "crc32c"}},
		{{Name: "blosc", Width: 8, Inner: "lz4"}}, {{Name: "blosc", Width: 1, Inner: "lz4hc", Level: 5}}, {{Name: "blosc", Width: 8, Inner: "zstd", Level: 3}},
		{{Name: "blosc", Width: 8, Inner: "zlib", Level: 5}}, {{Name: "blosc", Width: 3, Inner: "snappy"}}, {{Name: "blosc", Width: 2, Inner: "blosclz"}}} {
		m := &Meta{Version: 3, Kind: elem.Float64, Shape: []int64{512}, Chunk: []int64{512}, Order: []int32{0}, Sep: "/", Prefix: "c", Fill: []uint64{0}, Codecs: list}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		c, err := NewCoder(m)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Encode(t.Context(), src)
		if err != nil {
			t.Fatal(list, err)
		}
		dst := make([]byte, len(src))
		if err := c.Decode(t.Context(), dst, bytes.Clone(b)); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("%v: %v", list, err)
		}
		if len(list) == 0 {
			continue
		}
		for _, short := range [][]byte{nil, b[:len(b)/2], b[:len(b)-1]} {
			if c.Decode(t.Context(), dst, bytes.Clone(short)) == nil {
				t.Errorf("%v: %d of %d bytes were taken", list, len(short), len(b))
			}
		}
		if c.Decode(t.Context(), dst[:len(dst)-8], bytes.Clone(b)) == nil || c.Decode(t.Context(), make([]byte, len(src)+8), bytes.Clone(b)) == nil {
			t.Errorf("%v: chunks of another size were taken", list)
		}
	}
}

// looks is a context that counts how often it is asked, and ends at the last time there is.
type looks struct {
	context.Context
	n, last int
}

func (l *looks) Err() error {
	if l.n++; l.last > 0 && l.n >= l.last {
		return context.Canceled
	}
	return nil
}

// TestCodersEnd: codecs ask for each MiB of elements, in both directions, whether to go on, and end at any of these questions
// without asking again.
func TestCodersEnd(t *testing.T) {
	whole := make([]byte, atOnce+1<<20)
	for i := range whole {
		whole[i] = byte(i * i >> 5)
	}
	for _, list := range [][]Codec{{{Name: "gzip", Level: 1}}, {{Name: "zlib", Level: -1}}, {{Name: "zstd", Level: 1}},
		{{Name: "shuffle", Width: 1}, {Name: "crc32c"}}, {{Name: "blosc", Width: 8, Inner: "lz4"}}, {{Name: "blosc", Width: 8, Inner: "zstd", Level: 3}}} {
		src, mib := whole[:9<<20], 9
		if list[0].Name == "zstd" { // what is shorter is read at once
			src, mib = whole, len(whole)>>20
		}
		m := &Meta{Version: 3, Kind: elem.Float64, Shape: []int64{int64(mib) << 17}, Chunk: []int64{int64(mib) << 17}, Order: []int32{0}, Sep: "/", Prefix: "c", Fill: []uint64{0}, Codecs: list}
		c, err := NewCoder(m)
		if err != nil {
			t.Fatal(err)
		}
		all := &looks{Context: t.Context()}
		b, err := c.Encode(all, src)
		if err != nil || all.n < mib {
			t.Errorf("%v: %d questions, %v", list, all.n, err)
		}
		for last := 1; last <= all.n; last += max(1, all.n/4) {
			l := &looks{Context: t.Context(), last: last}
			if out, err := c.Encode(l, src); !errors.Is(err, context.Canceled) || out != nil || l.n != last {
				t.Errorf("%v: encoding is ended at %d of %d: %v, %d", list, last, all.n, err, l.n)
			}
		}
		dst := make([]byte, len(src))
		all = &looks{Context: t.Context()}
		if err := c.Decode(all, dst, bytes.Clone(b)); err != nil || all.n < mib || !bytes.Equal(dst, src) {
			t.Errorf("%v: %d questions, %v", list, all.n, err)
		}
		for last := 1; last <= all.n; last += max(1, all.n/4) {
			l := &looks{Context: t.Context(), last: last}
			if err := c.Decode(l, dst, bytes.Clone(b)); !errors.Is(err, context.Canceled) || l.n != last {
				t.Errorf("%v: decoding is ended at %d of %d: %v, %d", list, last, all.n, err, l.n)
			}
		}
		if again, err := c.Encode(t.Context(), src); err != nil || !bytes.Equal(again, b) { // what ended early left nothing behind
			t.Errorf("%v: %d bytes, then %d: %v", list, len(b), len(again), err)
		}
	}
}

// TestNoAxes: others read the metadata of an array without axes, whose shape is no null.
func TestNoAxes(t *testing.T) {
	for version, want := range map[int]string{2: `"shape": \[\],\s+"chunks": \[\]`, 3: `"shape": \[\],(?s:.*)"chunk_shape": \[\]`} {
		m := &Meta{Version: version, Kind: elem.Float64}
		if _, text, err := m.Names(); err != nil || !regexp.MustCompile(want).Match(text) {
			t.Errorf("version %d: %v, %s", version, err, text)
		}
	}
}

func TestMetaErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{".zarray", `{"zarr_format":2,"shape":[4],"chunks":[0],"dtype":"<f8","fill_value":0,"order":"C","compressor":null}`, "chunks of 0"},
		{".zarray", `{"zarr_format":2,"shape":[4,4],"chunks":[2],"dtype":"<f8","fill_value":0,"order":"C","compressor":null}`, "2 lengths, 1 chunk lengths"},
		{".zarray", `{"zarr_format":2,"shape":[-4],"chunks":[2],"dtype":"<f8","fill_value":0,"order":"C","compressor":null}`, "axis 0 of length -4"},
		{".zarray", `{"zarr_format":2,"shape":[4],"chunks":[9999999999],"dtype":"<f8","fill_value":0,"order":"C","compressor":null}`, "2^31"},
		{".zarray", `{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"|O","fill_value":0,"order":"C","compressor":null}`, `type "|O"`},
		{".zarray", `{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":[["a","<f8"]],"fill_value":0,"order":"C","compressor":null}`, "structured"},
		{".zarray", `{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<i4","fill_value":"x","order":"C","compressor":null}`, "fill_value"},
		{".zarray", `{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<i4","fill_value":0,"order":"C","compressor":{"id":"pcodec"}}`, `codec "pcodec"`},
		{"zarr.json", `{"zarr_format":3,"node_type":"group"}`, "a group"},
		{"zarr.json", `{"zarr_format":3,"node_type":"array","shape":[2],"data_type":"float16","chunk_grid":{"name":"regular","configuration":{"chunk_shape":[2]}},"chunk_key_encoding":"default","codecs":["bytes"],"fill_value":0}`, "float16"},
		{"zarr.json", `{"zarr_format":3,"node_type":"array","shape":[2],"data_type":"int8","chunk_grid":{"name":"regular","configuration":{"chunk_shape":[2]}},"chunk_key_encoding":"default","codecs":["zstd"],"fill_value":0}`, `codec "zstd"`},
		{".zarray", `{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"|u1","fill_value":300,"order":"C","compressor":null}`, "fill_value 300 of uint8"},
		{".zarray", `{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<f8","fill_value":true,"order":"C","compressor":null}`, "fill_value true"},
		{"zarr.json", vector(`,"offsets":{"name":"x"}`), `it has "offsets", which is not known here and must be understood`},
		{"zarr.json", vector(`,"offsets":{"must_understand":true}`), `it has "offsets"`},
		{"zarr.json", vector(`,"offsets":[1]`), `it has "offsets"`},
		{"zarr.json", `[`, "unexpected end"},
		{"zarr.json", sharded(`[3]`, `["bytes"]`, `["bytes"]`, ""), "shards of [4] in chunks of [3]"},
		{"zarr.json", sharded(`[0]`, `["bytes"]`, `["bytes"]`, ""), "shards of [4] in chunks of [0]"},
		{"zarr.json", sharded(`[2,2]`, `["bytes"]`, `["bytes"]`, ""), "shards of [4] in chunks of [2 2]"},
		{"zarr.json", sharded(`[2]`, `["bytes"]`, `["bytes","zstd"]`, ""), "index of a shard: want codecs bytes"},
		{"zarr.json", sharded(`[2]`, `["bytes"]`, `[]`, ""), "index of a shard: no codec"},
		{"zarr.json", sharded(`[2]`, `["bytes","pcodec"]`, `["bytes"]`, ""), `codec "pcodec"`},
		{"zarr.json", sharded(`[2]`, `[{"name":"sharding_indexed","configuration":{"chunk_shape":[1],"codecs":["bytes"],"index_codecs":["bytes"]}}]`, `["bytes"]`, ""), "in a shard: shards"},
		{"zarr.json", sharded(`[2]`, `["bytes"]`, `[{"name":"sharding_indexed","configuration":{"chunk_shape":[],"codecs":["bytes"],"index_codecs":["bytes"]}}]`, ""), "in a shard: shards"},
		{"zarr.json", sharded(`[2]`, nested(3000), `["bytes"]`, ""), "in a shard: shards"},
		{"zarr.json", sharded(`[2]`, `["bytes"]`, `["bytes"]`, `,"index_location":"middle"`), `index_location "middle"`},
		{"zarr.json", sharded(`[2]`, `["bytes"]`, `["bytes"]`, "", `"zstd"`), `codec "zstd" of whole shards`},
		{"zarr.json", strings.ReplaceAll(sharded(`[1]`, `["bytes"]`, `["bytes"]`, ""), "[4]", "[1000000000]"), "1e+09 chunks in a shard"},
	} {
		_, err := Open(context.Background(), one{c.name, c.text})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.name) {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
	if _, err := Open(context.Background(), one{}); err == nil || !strings.Contains(err.Error(), "no Zarr array") {
		t.Error(err)
	}
}

// vector is the metadata of a vector, and more members.
func vector(more string) string {
	return `{"zarr_format":3,"node_type":"array","shape":[2],"data_type":"int8","chunk_grid":{"name":"regular","configuration":{"chunk_shape":[2]}},"chunk_key_encoding":"default","codecs":["bytes"],"fill_value":0` + more + "}"
}

// TestMembers holds that what need not be understood does not matter.
func TestMembers(t *testing.T) {
	for _, more := range []string{"", `,"dimension_names":["x"],"attributes":{"offsets":1},"storage_transformers":[]`, `,"offsets":{"must_understand":false,"name":"x"}`} {
		if _, err := Open(context.Background(), one{"zarr.json", vector(more)}); err != nil {
			t.Errorf("%s: %v", more, err)
		}
	}
}

// nested is a list of codecs: shards in shards, so many deep.
func nested(depth int) string {
	return strings.Repeat(`[{"name":"sharding_indexed","configuration":{"chunk_shape":[2],"index_codecs":["bytes"],"codecs":`, depth) + `["bytes"]` + strings.Repeat(`}}]`, depth)
}

// sharded is the metadata of four elements in one shard.
func sharded(chunk, codecs, index, more string, after ...string) string {
	list := []string{fmt.Sprintf(`{"name":"sharding_indexed","configuration":{"chunk_shape":%s,"codecs":%s,"index_codecs":%s%s}}`, chunk, codecs, index, more)}
	return fmt.Sprintf(`{"zarr_format":3,"node_type":"array","shape":[4],"data_type":"int8","chunk_grid":{"name":"regular","configuration":{"chunk_shape":[4]}},
		"chunk_key_encoding":"default","fill_value":0,"codecs":[%s]}`, strings.Join(append(list, after...), ","))
}

// TestShards: what Assemble makes is found again, wherever the index lies, and broken shards are refused.
func TestShards(t *testing.T) {
	for _, in := range []Inner{{}, {Start: true}, {Summed: true}, {Start: true, Summed: true}} {
		in.Chunk = []int64{2, 1}
		m := &Meta{Version: 3, Kind: elem.Int16, Shape: []int64{7, 3}, Chunk: []int64{4, 3}, Order: []int32{0, 1}, Sep: "/", Prefix: "c", Fill: []uint64{0}, Inner: &in}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		chunks := [][]byte{{1, 2, 3, 4}, nil, {5, 6, 7, 8}, {}, {9}, nil}
		b := m.Assemble(chunks)
		for slot, want := range chunks {
			off, n, ok, err := inShard(m, b, int64(slot))
			if err != nil || ok != (want != nil) || ok && !bytes.Equal(b[off:off+n], want) {
				t.Errorf("%+v, chunk %d: %d bytes at %d, %v, %v", in, slot, n, off, ok, err)
			}
		}
		if s := m.Slot([]int64{3, 2}); s != 5 {
			t.Errorf("chunk (3, 2) is at %d", s)
		}
		for cut := range m.IndexBytes() {
			if _, err := m.IndexAt(cut); err == nil {
				t.Errorf("an index in %d bytes", cut)
			}
		}
		at, _ := m.IndexAt(int64(len(b)))
		for i := at; i < at+m.IndexBytes(); i++ {
			bad := bytes.Clone(b)
			bad[i] ^= 0x41
			_, _, _, err := inShard(m, bad, (i-at)/16%6)
			if err == nil && (in.Summed || (i-at)%8 > 1) { // small changes of places are found by the sum only
				t.Errorf("%+v: byte %d changed, and nothing is wrong", in, i)
			}
		}
	}
}

// FuzzIndex: places that an index of any content gives lie in the object.
func FuzzIndex(f *testing.F) {
	m := &Meta{Version: 3, Kind: elem.Int16, Shape: []int64{8}, Chunk: []int64{8}, Order: []int32{0}, Sep: "/", Prefix: "c", Fill: []uint64{0}, Inner: &Inner{Chunk: []int64{2}}}
	f.Add(m.Assemble([][]byte{{1, 2, 3, 4}, nil, {5}, {}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for slot := range int64(4) {
			off, n, ok, err := inShard(m, b, slot)
			if err == nil && ok && (off < 0 || n < 0 || off+n > int64(len(b))) {
				t.Fatalf("%d bytes at %d of %d", n, off, len(b))
			}
		}
	})
}

// one is a store of one object.
type one struct{ name, text string }

func (o one) Open(_ context.Context, key string) (store.File, store.Info, error) {
	if key == o.name {
		return object{bytes.NewReader([]byte(o.text))}, store.Info{Size: int64(len(o.text))}, nil
	}
	return nil, store.Info{}, fs.ErrNotExist
}

func (o one) Write(context.Context, string, []byte) error { return fs.ErrPermission }

// FuzzMeta: metadata of any content is refused or right, and what is right is written as it was read.
func FuzzMeta(f *testing.F) {
	for name, x := range open(f) {
		if strings.HasSuffix(name, ".zarray") || strings.HasSuffix(name, "zarr.json") {
			r, err := x.Open()
			if err != nil {
				f.Fatal(err)
			}
			b, _ := io.ReadAll(r)
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) (*Meta, error){parse2, parse3} {
			m, err := parse(b)
			if err != nil || m.Check() != nil {
				continue
			}
			at := make([]int64, len(m.Shape))
			if m.Key(at) == "" || m.UnitBytes() > MaxChunk || m.ChunkBytes() > MaxShard {
				t.Fatalf("%+v", m)
			}
		}
	})
}

// FuzzDecode: objects of any content are refused or give a chunk.
func FuzzDecode(f *testing.F) {
	for _, k := range []Codec{{Name: "blosc"}, {Name: "lz4"}, {Name: "zstd"}, {Name: "gzip"}} {
		for name, x := range open(f) {
			if strings.Contains(name, k.Name) && (strings.HasSuffix(name, "/0") || strings.HasSuffix(name, "0.0")) {
				r, err := x.Open()
				if err != nil {
					f.Fatal(err)
				}
				b, _ := io.ReadAll(r)
				f.Add(k.Name, b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, codec string, b []byte) {
		m := &Meta{Version: 3, Kind: elem.Int32, Shape: []int64{20}, Chunk: []int64{20}, Order: []int32{0}, Sep: "/", Fill: []uint64{0}, Codecs: []Codec{{Name: codec, Width: 4}}}
		c, err := NewCoder(m)
		if err != nil {
			return
		}
		_ = c.Decode(context.Background(), make([]byte, 80), b)
	})
}
