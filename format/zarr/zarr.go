// Package zarr reads and writes the metadata and the chunks of Zarr arrays, versions 2 and 3. It knows one chunk at a
// time: which object holds it, and how its bytes become elements.
//
//	Open     .zarray or zarr.json of a store → Meta, plain data that plans carry
//	Meta.Key a chunk's position → the name of its object
//	Coder    bytes of an object ↔ elements of a chunk
//
// Codecs: gzip, zlib, zstd, lz4, crc32c, the shuffle filter and Blosc (blosclz, lz4, lz4hc, zstd, zlib, snappy, with and without
// shuffles; of them blosclz and the shuffle of bits are read, and written as lz4 and the shuffle of bytes, which all readers of
// Blosc tell by the chunk). Objects may be shards of version 3. Everything else is refused by name. What stands in metadata is
// bounded before anything is allocated for it.
package zarr

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-data/weft/format/npy"
	"github.com/weft-data/weft/internal/cell"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/store"
)

// Bounds of what metadata may say.
const (
	MaxMeta  = 1 << 20 // bytes of metadata
	MaxChunk = 1 << 31 // bytes of a chunk
	MaxShard = 1 << 40 // bytes of the chunks of a shard
	MaxDims  = 32
)

// A Store holds objects by key. Keys have slashes, no dots as elements, and no slash in front.
type Store interface {
	// Open opens an object. Errors: fs.ErrNotExist.
	Open(ctx context.Context, key string) (store.File, store.Info, error)
	// Write puts an object in place of one that is there, at once or not at all.
	Write(ctx context.Context, key string, data []byte) error
}

// read returns an object of metadata.
func read(ctx context.Context, s Store, key string) ([]byte, error) {
	o, x, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	if x.Size > MaxMeta {
		return nil, fmt.Errorf("%s: %d bytes of metadata: at most %d are read", key, x.Size, MaxMeta)
	}
	b := make([]byte, x.Size)
	if n, err := o.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// A Meta describes an array of a store. Axes are those of its chunks as they lie: Order says which axis of the array each
// of them is. It is plain data.
type Meta struct {
	Version int
	Kind    elem.Kind
	Swap    bool    // elements are big-endian
	Shape   []int64 // in stored order
	Chunk   []int64 // in stored order, of an object
	Order   []int32 // axis of the array of each stored axis
	Prefix  string  // of chunk keys: "c" or nothing
	Sep     string  // between the numbers of chunk keys: "." or "/"
	Fill    []uint64
	Codecs  []Codec // in the order of writing
	Inner   *Inner  // of objects that are shards
}

// A Codec is a step between the elements of a chunk and its object.
type Codec struct {
	Name  string // gzip, zlib, zstd, lz4, blosc, crc32c, shuffle
	Level int
	Width int    // of elements, of shuffle; of blosc, 1 where it does not shuffle
	Inner string // what blosc compresses with
}

// Plain reports whether the objects of chunks are their elements and nothing else.
func (m *Meta) Plain() bool { return len(m.Codecs) == 0 && m.Inner == nil }

// Encoded reports whether what is compressed together is not just its elements.
func (m *Meta) Encoded() bool { return len(m.codecs()) > 0 }

// Deflated reports whether chunks are compressed as gzip and zlib do, which takes long to undo.
func (m *Meta) Deflated() bool {
	return slices.ContainsFunc(m.codecs(), func(c Codec) bool {
		return c.Name == "gzip" || c.Name == "zlib" || c.Inner == "zlib"
	})
}

// codecs are those of what is compressed together.
func (m *Meta) codecs() []Codec {
	if m.Inner != nil {
		return m.Inner.Codecs
	}
	return m.Codecs
}

// ChunkBytes is the bytes of the elements of an object.
func (m *Meta) ChunkBytes() int64 { return m.bytesOf(m.Chunk) }

// Key names the object of a chunk, given its position along the stored axes.
func (m *Meta) Key(at []int64) string {
	logical := make([]int64, len(at))
	for i, a := range m.Order {
		logical[a] = at[i]
	}
	parts := make([]string, 0, len(at)+1)
	if m.Prefix != "" {
		parts = append(parts, m.Prefix)
	}
	for _, n := range logical {
		parts = append(parts, strconv.FormatInt(n, 10))
	}
	if len(parts) == 0 {
		return "0" // of an array without axes, version 2
	}
	return strings.Join(parts, m.Sep)
}

// Check returns what is wrong with metadata, whoever made it.
func (m *Meta) Check() error {
	d := len(m.Shape)
	if d > MaxDims || len(m.Chunk) != d || len(m.Order) != d || !m.Kind.Valid() || m.Version != 2 && m.Version != 3 {
		return fmt.Errorf("%d lengths, %d chunk lengths, %d axes of %s, version %d", d, len(m.Chunk), len(m.Order), m.Kind, m.Version)
	}
	n, c := 1.0, float64(m.Kind.Width())
	used := make([]bool, d)
	for i := range d {
		if m.Shape[i] < 0 || m.Chunk[i] < 1 {
			return fmt.Errorf("axis %d of length %d in chunks of %d", m.Order[i], m.Shape[i], m.Chunk[i])
		}
		if a := m.Order[i]; a < 0 || int(a) >= d || used[a] {
			return fmt.Errorf("stored axes %v of %d", m.Order, d)
		}
		used[m.Order[i]] = true
		n *= float64(max(m.Shape[i], 1))
		c *= float64(m.Chunk[i])
	}
	if n > 1<<56 {
		return fmt.Errorf("%.3g elements: at most 2^56 are possible", n)
	}
	if m.Inner != nil {
		if err := m.checkInner(); err != nil {
			return err
		}
		if c > MaxShard {
			return fmt.Errorf("shards of %.3g bytes: at most 2^40 are possible", c)
		}
		c = float64(m.UnitBytes())
	}
	if c > MaxChunk {
		return fmt.Errorf("chunks of %.3g bytes: at most 2^31 are possible", c)
	}
	if m.Sep != "." && m.Sep != "/" || m.Prefix != "" && m.Prefix != "c" || len(m.Fill) == 0 {
		return fmt.Errorf("keys %q%q, %d fill values", m.Prefix, m.Sep, len(m.Fill))
	}
	_, err := NewCoder(m)
	return err
}

// Open reads the metadata of the array at the root of a store.
func Open(ctx context.Context, s Store) (*Meta, error) {
	name, parse := "zarr.json", parse3
	b, err := read(ctx, s, name)
	if errors.Is(err, fs.ErrNotExist) {
		name, parse = ".zarray", parse2
		b, err = read(ctx, s, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no Zarr array: neither zarr.json nor .zarray: %w", err)
	}
	if err != nil {
		return nil, err
	}
	m, err := parse(b)
	if err == nil {
		err = m.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// meta2 is .zarray.
type meta2 struct {
	Format     int             `json:"zarr_format"`
	Shape      []int64         `json:"shape"`
	Chunks     []int64         `json:"chunks"`
	DType      json.RawMessage `json:"dtype"`
	Compressor *codec2         `json:"compressor"`
	Fill       json.RawMessage `json:"fill_value"`
	Order      string          `json:"order"`
	Filters    []codec2        `json:"filters"`
	Separator  string          `json:"dimension_separator,omitempty"`
}

type codec2 struct {
	ID          string `json:"id"`
	Level       *int   `json:"level,omitempty"`
	ElementSize int    `json:"elementsize,omitempty"`
	bloscConfig
}

// bloscConfig is what the codec blosc is told: of version 3 the shuffle is a name.
type bloscConfig struct {
	Inner    string          `json:"cname,omitempty"`
	Strength *int            `json:"clevel,omitempty"`
	Shuffle  json.RawMessage `json:"shuffle,omitempty"`
}

// codec is blosc for elements of a width. What is not said is as others have it: lz4, level 5, bytes shuffled.
func (b *bloscConfig) codec(width int) Codec {
	c := Codec{Name: "blosc", Inner: b.Inner, Level: 5, Width: width}
	if b.Strength != nil {
		c.Level = *b.Strength
	}
	if s := string(b.Shuffle); s == "0" || s == `"noshuffle"` {
		c.Width = 1
	}
	return c
}

func parse2(b []byte) (*Meta, error) {
	var j meta2
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, err
	}
	if j.Format != 2 {
		return nil, fmt.Errorf("zarr_format %d: want 2", j.Format)
	}
	m := &Meta{Version: 2, Shape: j.Shape, Chunk: j.Chunks, Sep: j.Separator, Order: straight(len(j.Shape))}
	if m.Sep == "" {
		m.Sep = "."
	}
	var descr string
	if json.Unmarshal(j.DType, &descr) != nil {
		return nil, fmt.Errorf("a structured dtype %s", cell.Cut(string(j.DType), 40))
	}
	var err error
	if m.Kind, m.Swap, err = npy.ParseDescr(descr); err != nil {
		return nil, err
	}
	switch j.Order {
	case "C", "":
	case "F":
		slices.Reverse(m.Order)
		slices.Reverse(m.Shape)
		slices.Reverse(m.Chunk)
	default:
		return nil, fmt.Errorf("order %q: want C or F", j.Order)
	}
	for _, c := range j.Filters {
		m.Codecs = append(m.Codecs, c.codec(m.Kind))
	}
	if j.Compressor != nil {
		m.Codecs = append(m.Codecs, j.Compressor.codec(m.Kind))
	}
	m.Fill, err = fill(j.Fill, m.Kind, m.Swap)
	return m, err
}

func (c *codec2) codec(k elem.Kind) Codec {
	if c.ID == "blosc" {
		return c.bloscConfig.codec(k.Width())
	}
	out := Codec{Name: c.ID, Width: c.ElementSize, Level: -1}
	if c.Level != nil {
		out.Level = *c.Level
	}
	return out
}

func straight(n int) []int32 {
	o := make([]int32, n)
	for i := range o {
		o[i] = int32(i)
	}
	return o
}

// A named is how version 3 writes extension points.
type named struct {
	Name   string          `json:"name"`
	Config json.RawMessage `json:"configuration,omitempty"`
}

// UnmarshalJSON takes a bare name too.
func (n *named) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &n.Name)
	}
	type plain named
	return json.Unmarshal(b, (*plain)(n))
}

// meta3 is zarr.json.
type meta3 struct {
	Format int             `json:"zarr_format"`
	Node   string          `json:"node_type"`
	Shape  []int64         `json:"shape"`
	DType  json.RawMessage `json:"data_type"`
	Grid   named           `json:"chunk_grid"`
	Keys   named           `json:"chunk_key_encoding"`
	Fill   json.RawMessage `json:"fill_value"`
	Codecs []named         `json:"codecs"`
	// Attributes is written, not read.
	Attributes map[string]any    `json:"attributes"`
	Extra      []json.RawMessage `json:"storage_transformers,omitempty"`
}

func (n *named) config(v any) error {
	if len(n.Config) == 0 {
		return nil
	}
	if err := json.Unmarshal(n.Config, v); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	return nil
}

// members3 are the members of zarr.json that are read, or of which the elements do not depend.
var members3 = []string{"zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs", "attributes", "storage_transformers", "dimension_names"}

// understood refuses members that change what an array is in a way that nobody knows here: all others that do not
// say that they need not be understood.
func understood(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var x struct {
			Must *bool `json:"must_understand"`
		}
		if slices.Contains(members3, name) || json.Unmarshal(all[name], &x) == nil && x.Must != nil && !*x.Must {
			continue
		}
		return fmt.Errorf("it has %q, which is not known here and must be understood", name)
	}
	return nil
}

func parse3(b []byte) (*Meta, error) {
	var j meta3
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, err
	}
	switch err := understood(b); {
	case err != nil && j.Format == 3 && j.Node == "array":
		return nil, err
	case j.Format != 3:
		return nil, fmt.Errorf("zarr_format %d: want 3", j.Format)
	case j.Node != "array":
		return nil, fmt.Errorf("a %s: name one of the arrays in it", j.Node)
	case len(j.Extra) > 0:
		return nil, fmt.Errorf("storage transformers")
	case j.Grid.Name != "regular":
		return nil, fmt.Errorf("chunk grid %q: want regular", j.Grid.Name)
	}
	m := &Meta{Version: 3, Shape: j.Shape, Order: straight(len(j.Shape))}
	var grid struct {
		Shape []int64 `json:"chunk_shape"`
	}
	if err := j.Grid.config(&grid); err != nil {
		return nil, err
	}
	m.Chunk = grid.Shape
	var name string
	if json.Unmarshal(j.DType, &name) != nil {
		return nil, fmt.Errorf("data type %s", cell.Cut(string(j.DType), 40))
	}
	var err error
	if m.Kind, err = elem.Parse(name); err != nil {
		return nil, err
	}
	var keys struct {
		Separator string `json:"separator"`
	}
	if err := j.Keys.config(&keys); err != nil {
		return nil, err
	}
	switch j.Keys.Name {
	case "default":
		m.Prefix, m.Sep = "c", "/"
	case "v2":
		m.Sep = "."
	default:
		return nil, fmt.Errorf("chunk keys %q: want default or v2", j.Keys.Name)
	}
	if keys.Separator != "" {
		m.Sep = keys.Separator
	}
	if err := m.codecs3(j.Codecs); err != nil {
		return nil, err
	}
	m.Fill, err = fill(j.Fill, m.Kind, false)
	return m, err
}

// codecs3 reads the list of codecs: axes are reordered, elements become bytes, bytes become bytes.
func (m *Meta) codecs3(list []named) error {
	bytes := false
	for _, c := range list {
		var conf struct {
			Order  []int32 `json:"order"`
			Endian string  `json:"endian"`
			Level  *int    `json:"level"`
		}
		var inside bloscConfig
		read := any(&conf)
		switch c.Name {
		case "blosc":
			read = &inside
		case "crc32c", sharding:
			read = &struct{}{}
		}
		if err := c.config(read); err != nil {
			return err
		}
		switch {
		case c.Name == "transpose" && !bytes:
			if err := m.transpose(conf.Order); err != nil {
				return err
			}
		case c.Name == sharding && !bytes && len(m.Order) == len(m.Chunk):
			bytes = true
			if err := m.divided(c); err != nil {
				return err
			}
		case c.Name == "bytes" && !bytes:
			bytes = true
			switch conf.Endian {
			case "big":
				m.Swap = m.Kind.Width() > 1
			case "little", "":
			default:
				return fmt.Errorf("endian %q", conf.Endian)
			}
		case bytes && c.Name == "blosc":
			m.Codecs = append(m.Codecs, inside.codec(m.Kind.Width()))
		case bytes && c.Name != "bytes":
			k := Codec{Name: c.Name, Level: -1}
			if conf.Level != nil {
				k.Level = *conf.Level
			}
			m.Codecs = append(m.Codecs, k)
		default:
			return fmt.Errorf("codec %q: it is not read at this place", c.Name)
		}
	}
	if !bytes {
		return fmt.Errorf("no codec makes bytes of the elements")
	}
	return nil
}

// transpose reorders the stored axes.
func (m *Meta) transpose(order []int32) error {
	d := len(m.Order)
	if len(order) != d || len(m.Chunk) != d {
		return fmt.Errorf("transpose by %v of %d axes", order, d)
	}
	was := *m
	m.Shape, m.Chunk, m.Order = make([]int64, d), make([]int64, d), make([]int32, d)
	for i, a := range order {
		if a < 0 || int(a) >= d {
			return fmt.Errorf("transpose by %v of %d axes", order, d)
		}
		m.Shape[i], m.Chunk[i], m.Order[i] = was.Shape[a], was.Chunk[a], was.Order[a]
	}
	return nil
}

// fill reads the value of elements that no chunk has, as bits.
func fill(raw json.RawMessage, k elem.Kind, swap bool) ([]uint64, error) {
	var v any
	if len(raw) > 0 {
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("fill_value: %w", err)
		}
	}
	if parts, ok := v.([]any); ok && k.IsComplex() && len(parts) == 2 {
		re, err := fillFloat(parts[0])
		im, err2 := fillFloat(parts[1])
		return []uint64{math.Float64bits(re), math.Float64bits(im)}, errors.Join(err, err2)
	}
	switch x := v.(type) {
	case nil:
		return []uint64{0, 0}, nil
	case bool:
		if k.IsInt() || k == elem.Bool {
			if x {
				return []uint64{1, 0}, nil
			}
			return []uint64{0, 0}, nil
		}
	case json.Number:
		if k.IsInt() || k == elem.Bool {
			return fillInt(x.String(), k)
		}
	case string:
		if raw, err := base64.StdEncoding.DecodeString(x); err == nil && k.IsInt() && len(raw) == k.Width() {
			return []uint64{bitsOf(raw, swap), 0}, nil
		}
	}
	if !k.IsFloat() && !k.IsComplex() {
		return nil, fmt.Errorf("fill_value %s of %s", cell.Cut(string(raw), 40), k)
	}
	f, err := fillFloat(v)
	return []uint64{math.Float64bits(f), 0}, err
}

// fillInt reads an integer that has the width of k. Some write unsigned ones with the sign that their bits have as signed ones.
func fillInt(text string, k elem.Kind) ([]uint64, error) {
	bits := 8 * k.Width()
	if n, err := strconv.ParseInt(text, 10, bits); err == nil {
		return []uint64{uint64(n), 0}, nil
	}
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return nil, fmt.Errorf("fill_value %s of %s", text, k)
	}
	return []uint64{n, 0}, nil
}

func bitsOf(raw []byte, swap bool) uint64 {
	if raw = slices.Clone(raw); swap {
		slices.Reverse(raw)
	}
	return binary.LittleEndian.Uint64(append(raw, make([]byte, 8)...))
}

func fillFloat(v any) (float64, error) {
	switch x := v.(type) {
	case json.Number:
		return x.Float64()
	case string:
		switch x {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
		if bits, err := strconv.ParseUint(strings.TrimPrefix(x, "0x"), 16, 64); err == nil && strings.HasPrefix(x, "0x") {
			if len(x) == 10 {
				return float64(math.Float32frombits(uint32(bits))), nil
			}
			return math.Float64frombits(bits), nil
		}
	}
	return 0, fmt.Errorf("fill_value %v", v)
}

// Names returns the key and the text of the metadata of an array, which must be in row-major order and little-endian.
// The fill value is 0.
func (m *Meta) Names() (key string, text []byte, err error) {
	shape, chunk := append([]int64{}, m.Shape...), append([]int64{}, m.Chunk...) // an array without axes has [], not null
	if m.Version == 2 {
		j := meta2{Format: 2, Shape: shape, Chunks: chunk, Order: "C", Fill: json.RawMessage("0"), Separator: m.Sep}
		if m.Kind == elem.Bool {
			j.Fill = json.RawMessage("false")
		}
		if m.Kind.IsComplex() {
			j.Fill = json.RawMessage("null")
		}
		if j.DType, err = json.Marshal(npy.Descr(m.Kind)); err != nil {
			return "", nil, err
		}
		for i, c := range m.Codecs {
			x := codec2{ID: c.Name, ElementSize: c.Width}
			if c.Name != "lz4" && c.Width == 0 {
				x.Level = &c.Level
			}
			if i < len(m.Codecs)-1 {
				j.Filters = append(j.Filters, x)
			} else {
				j.Compressor = &x
			}
		}
		text, err = json.MarshalIndent(j, "", "  ")
		return ".zarray", text, err
	}
	j := meta3{Format: 3, Node: "array", Shape: shape, Fill: json.RawMessage("0"), Attributes: map[string]any{},
		Grid: configured("regular", map[string]any{"chunk_shape": chunk}), Keys: configured("default", map[string]any{"separator": m.Sep})}
	switch {
	case m.Kind == elem.Bool:
		j.Fill = json.RawMessage("false")
	case m.Kind.IsComplex():
		j.Fill = json.RawMessage("[0.0, 0.0]")
	case m.Kind.IsFloat():
		j.Fill = json.RawMessage("0.0")
	}
	if j.DType, err = json.Marshal(m.Kind.String()); err != nil {
		return "", nil, err
	}
	j.Codecs = []named{configured("bytes", map[string]any{"endian": "little"})}
	for _, c := range m.codecs() {
		switch c.Name {
		case "zstd":
			j.Codecs = append(j.Codecs, configured("zstd", map[string]any{"level": c.Level, "checksum": false}))
		case "gzip":
			j.Codecs = append(j.Codecs, configured("gzip", map[string]any{"level": c.Level}))
		default:
			j.Codecs = append(j.Codecs, named{Name: c.Name})
		}
	}
	if m.Inner != nil {
		j.Codecs = []named{m.shards(j.Codecs)}
	}
	text, err = json.MarshalIndent(j, "", "  ")
	return "zarr.json", text, err
}

func configured(name string, conf map[string]any) named {
	b, err := json.Marshal(conf)
	if err != nil {
		panic(err) // numbers and texts
	}
	return named{name, b}
}
