package zarr

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
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
	dst := make([]byte, m.ChunkBytes())
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
			in = in*m.Chunk[i] + idx[i]%m.Chunk[i]
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
		if err := c.Decode(dst, b); err != nil {
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

// TestPython reads what zarr-python wrote, with every codec that is read.
func TestPython(t *testing.T) {
	files := open(t)
	read := 0
	for name := range files {
		name, meta, _ := strings.Cut(name, "/")
		if meta != ".zarray" && meta != "zarr.json" || name == "v3_shards" || strings.Contains(name, "split") || strings.Contains(name, "bits") {
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
	if read != 23 {
		t.Errorf("%d arrays were read", read)
	}
	if _, err := Open(context.Background(), zipped{files, "v3_shards"}); err == nil || !strings.Contains(err.Error(), "sharding_indexed") {
		t.Errorf("shards: %v", err)
	}
}

// TestBloscBlocks: containers of several blocks, with a stream for each byte of an element.
func TestBloscBlocks(t *testing.T) {
	files := open(t)
	var first []byte
	for _, name := range []string{"v2_blosc_split", "v2_blosc_bits"} {
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
		if err := c.Decode(dst, b); err != nil {
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

// TestRoundTrip: every codec that writes reads what it wrote.
func TestRoundTrip(t *testing.T) {
	src := make([]byte, 4096)
	for i := range src {
		src[i] = byte(i * i >> 5)
	}
	for _, list := range [][]Codec{nil, {{Name: "gzip", Level: 5}}, {{Name: "zlib", Level: -1}}, {{Name: "zstd", Level: 3}}, {{Name: "lz4"}},
		{{Name: "shuffle", Width: 8}, {Name: "zstd", Level: 1}}, {{Name: "zstd"}, {Name: "crc32c"}}} {
		m := &Meta{Version: 3, Kind: elem.Float64, Shape: []int64{512}, Chunk: []int64{512}, Order: []int32{0}, Sep: "/", Prefix: "c", Fill: []uint64{0}, Codecs: list}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		c, err := NewCoder(m)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Encode(src)
		if err != nil {
			t.Fatal(list, err)
		}
		dst := make([]byte, len(src))
		if err := c.Decode(dst, bytes.Clone(b)); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("%v: %v", list, err)
		}
		if len(list) == 0 {
			continue
		}
		for _, short := range [][]byte{nil, b[:len(b)/2], b[:len(b)-1]} {
			if c.Decode(dst, bytes.Clone(short)) == nil {
				t.Errorf("%v: %d of %d bytes were taken", list, len(short), len(b))
			}
		}
		if c.Decode(dst[:len(dst)-8], bytes.Clone(b)) == nil || c.Decode(make([]byte, len(src)+8), bytes.Clone(b)) == nil {
			t.Errorf("%v: chunks of another size were taken", list)
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
		{"zarr.json", `[`, "unexpected end"},
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
			if m.Key(at) == "" || m.ChunkBytes() > MaxChunk {
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
		_ = c.Decode(make([]byte, 80), b)
	})
}
