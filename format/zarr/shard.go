package zarr

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// Inner says how the objects of a store are divided (sharding_indexed of version 3): an object, a shard, holds the chunks
// of Chunk elements that make up Meta.Chunk, and an index of where each lies, in row-major order of their positions.
type Inner struct {
	Chunk  []int64 // in stored order
	Index  []int32 // the stored axes in the order of the index, where chunks are transposed
	Codecs []Codec // of a chunk
	Start  bool    // the index is at the begin of the object, not at its end
	Summed bool    // the index has a CRC-32C behind it
}

// sharding is the name of the codec that makes shards.
const sharding = "sharding_indexed"

// MaxInner bounds the chunks of a shard, and so its index.
const MaxInner = 1 << 22

// missing is the offset and the length of a chunk that a shard does not have.
const missing = math.MaxUint64

// Unit is the shape of what is compressed together: a chunk of a shard, or an object.
func (m *Meta) Unit() []int64 {
	if m.Inner != nil {
		return m.Inner.Chunk
	}
	return m.Chunk
}

// UnitBytes is the bytes of its elements.
func (m *Meta) UnitBytes() int64 { return m.bytesOf(m.Unit()) }

func (m *Meta) bytesOf(shape []int64) int64 {
	n := int64(m.Kind.Width())
	for _, k := range shape {
		n *= k
	}
	return n
}

// checkInner returns what is wrong with the division of objects.
func (m *Meta) checkInner() error {
	n := 1.0
	for i, k := range m.Inner.Chunk {
		if i >= len(m.Chunk) || k < 1 || m.Chunk[i]%k != 0 {
			return fmt.Errorf("shards of %v in chunks of %v", m.Chunk, m.Inner.Chunk)
		}
		n *= float64(m.Chunk[i] / k)
	}
	index := slices.Clone(m.Inner.Index)
	slices.Sort(index)
	switch {
	case index != nil && !slices.Equal(index, straight(len(m.Chunk))):
		return fmt.Errorf("axes %v of the index of a shard", m.Inner.Index)
	case len(m.Inner.Chunk) != len(m.Chunk):
		return fmt.Errorf("shards of %v in chunks of %v", m.Chunk, m.Inner.Chunk)
	case n > MaxInner:
		return fmt.Errorf("%.3g chunks in a shard: at most 2^22 are possible", n)
	case len(m.Codecs) > 0:
		return fmt.Errorf("codec %q of whole shards: it is not read at this place", m.Codecs[0].Name)
	case m.Version != 3:
		return fmt.Errorf("shards in version %d", m.Version)
	}
	return nil
}

// inside is how many chunks of a shard lie along each axis.
func (m *Meta) inside() []int64 {
	n := slices.Clone(m.Chunk)
	for i, k := range m.Inner.Chunk {
		n[i] /= k
	}
	return n
}

// Slot is the place in the index of its shard of the chunk at a position along the stored axes.
func (m *Meta) Slot(at []int64) (slot int64) {
	inside := m.inside()
	for i := range inside {
		if m.Inner.Index != nil {
			i = int(m.Inner.Index[i])
		}
		slot = slot*inside[i] + at[i]%inside[i]
	}
	return slot
}

// IndexBytes is the length of the index of a shard.
func (m *Meta) IndexBytes() int64 {
	n := 16 * m.Slots()
	if m.Inner.Summed {
		n += 4
	}
	return n
}

// IndexAt is where the index begins in an object of so many bytes.
func (m *Meta) IndexAt(size int64) (int64, error) {
	n := m.IndexBytes()
	switch {
	case size < n:
		return 0, fmt.Errorf("%d bytes, fewer than the %d of the index of a shard", size, n)
	case m.Inner.Start:
		return 0, nil
	}
	return size - n, nil
}

// An Index says where the chunks of a shard lie. The zero Index is that of a shard that the store does not have.
type Index struct {
	words       []byte
	size, limit int64
}

// NewIndex reads the index of an object of so many bytes. Errors: a checksum that does not fit.
func (m *Meta) NewIndex(raw []byte, size int64) (Index, error) {
	n := len(raw)
	if m.Inner.Summed {
		n -= 4
		if want, got := binary.LittleEndian.Uint32(raw[n:]), crc32.Checksum(raw[:n], castagnoli); want != got {
			return Index{}, fmt.Errorf("the index of a shard has the sum %08x, not %08x: it is broken", got, want)
		}
	}
	return Index{raw[:n], size, Most(m.UnitBytes())}, nil
}

// Find is the place of a chunk in the object, ok false if the shard does not have it. Errors: places outside of the object,
// and chunks longer than their elements can be.
func (x Index) Find(slot int64) (at, n int64, ok bool, err error) {
	if x.words == nil {
		return 0, 0, false, nil
	}
	a, b := binary.LittleEndian.Uint64(x.words[16*slot:]), binary.LittleEndian.Uint64(x.words[16*slot+8:])
	if a == missing && b == missing {
		return 0, 0, false, nil
	}
	if a > uint64(x.size) || b > uint64(x.size)-a || b > uint64(x.limit) {
		return 0, 0, false, fmt.Errorf("chunk %d of a shard: %d bytes at %d of %d, at most %d are possible", slot, b, a, x.size, x.limit)
	}
	return int64(a), int64(b), true, nil
}

// Slots is the number of chunks of a shard.
func (m *Meta) Slots() (n int64) {
	n = 1
	for _, k := range m.inside() {
		n *= k
	}
	return n
}

// Assemble makes a shard of the bytes of its chunks, by slots; nil is a chunk that it does not have.
func (m *Meta) Assemble(chunks [][]byte) []byte {
	total, index := int(m.IndexBytes()), make([]byte, 0, m.IndexBytes())
	at := 0
	if m.Inner.Start {
		at = total
	}
	for _, c := range chunks {
		if c == nil {
			index = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(index, missing), missing)
			continue
		}
		index = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(index, uint64(at)), uint64(len(c)))
		at += len(c)
		total += len(c)
	}
	if m.Inner.Summed {
		index = binary.LittleEndian.AppendUint32(index, crc32.Checksum(index, castagnoli))
	}
	out := make([]byte, 0, total)
	if m.Inner.Start {
		out = append(out, index...)
	}
	for _, c := range chunks {
		out = append(out, c...)
	}
	if !m.Inner.Start {
		out = append(out, index...)
	}
	return out
}

// divided reads the configuration of the codec sharding.
func (m *Meta) divided(c named) error {
	var conf struct {
		Shape    []int64 `json:"chunk_shape"`
		Codecs   []named `json:"codecs"`
		Index    []named `json:"index_codecs"`
		Location string  `json:"index_location"`
	}
	if err := c.config(&conf); err != nil {
		return err
	}
	// Before any of them is read: each level of nesting would parse all those in it again.
	if slices.ContainsFunc(slices.Concat(conf.Codecs, conf.Index), func(c named) bool { return c.Name == sharding }) {
		return fmt.Errorf("in a shard: shards are not read")
	}
	in := Meta{Kind: m.Kind, Shape: m.Shape, Chunk: conf.Shape, Order: straight(len(m.Order))}
	if err := in.codecs3(conf.Codecs); err != nil {
		return fmt.Errorf("in a shard: %w", err)
	}
	m.Inner = &Inner{Chunk: conf.Shape, Codecs: in.Codecs}
	if !slices.IsSorted(in.Order) { // the array is seen in the order of its chunks: the index alone keeps the one outside
		if err := m.transpose(in.Order); err != nil {
			return err
		}
		m.Inner.Chunk, m.Inner.Index = in.Chunk, make([]int32, len(in.Order))
		for i, a := range in.Order {
			m.Inner.Index[a] = int32(i)
		}
	}
	m.Swap = in.Swap
	index := Meta{Kind: m.Kind, Order: straight(0)}
	if err := index.codecs3(conf.Index); err != nil {
		return fmt.Errorf("index of a shard: %w", err)
	}
	switch {
	case index.Swap || len(index.Codecs) > 1 || len(index.Codecs) == 1 && index.Codecs[0].Name != "crc32c":
		return fmt.Errorf("index of a shard: want codecs bytes, little-endian, and crc32c")
	case len(index.Codecs) == 1:
		m.Inner.Summed = true
	}
	switch conf.Location {
	case "start":
		m.Inner.Start = true
	case "end", "":
	default:
		return fmt.Errorf("index_location %q: want start or end", conf.Location)
	}
	return nil
}

// shards is the codec of Names.
func (m *Meta) shards(inner []named) named {
	index := []named{configured("bytes", map[string]any{"endian": "little"})}
	if m.Inner.Summed {
		index = append(index, named{Name: "crc32c"})
	}
	location := "end"
	if m.Inner.Start {
		location = "start"
	}
	return configured(sharding, map[string]any{"chunk_shape": m.Inner.Chunk, "codecs": inner, "index_codecs": index, "index_location": location})
}
