package guard

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
)

func open(t testing.TB, raw []byte, opt Options) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(raw), int64(len(raw)), opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCompress reads back what every codec made of what shrinks and of what does not.
func TestCompress(t *testing.T) {
	noise := make([]byte, 100_003)
	for i, x := 0, uint64(1); i < len(noise); i++ {
		x = x*6364136223846793005 + 1442695040888963407
		noise[i] = byte(x >> 56)
	}
	for _, name := range []string{"none", "snappy", "gzip", "zstd", "lz4"} {
		codec, err := CodecNumber(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, src := range [][]byte{{}, {7}, []byte("fourteen bytes"), []byte("fifteen  bytes!"), bytes.Repeat([]byte("weft "), 50_000), noise, noise[:269], noise[:270]} {
			dst := make([]byte, CompressBound(codec, len(src)))
			dst = dst[:Compress(codec, dst, src)]
			if err := plausible(int64(codec), dst, len(src)); err != nil && codec != codecNone {
				t.Errorf("%s of %d bytes: %v", name, len(src), err)
			}
			if codec == codecNone {
				if !bytes.Equal(dst, src) {
					t.Errorf("none changed %d bytes", len(src))
				}
				continue
			}
			got, err := decompress(int64(codec), make([]byte, len(src)), dst, len(src))
			if err != nil || !bytes.Equal(got, src) {
				t.Errorf("%s of %d bytes: %d came back, %v", name, len(src), len(got), err)
			}
		}
	}
	if _, err := CodecNumber("lzma"); err == nil || !strings.Contains(err.Error(), `"lzma"`) {
		t.Error(err)
	}
}

// TestLimits holds every limit.
func TestLimits(t *testing.T) {
	rec := twoColumns(t, 3000)
	raw := writeParquet(t, parquetOptions{NoDictionary: true}, rec)
	for _, c := range []struct {
		lim Limits
		say string
	}{
		{Limits{Footer: 100}, "the footer has"},
		{Limits{PageValues: 100}, "a page says 3000 values, the limit is 100"},
	} {
		_, err := readParquet(raw, Options{Limits: c.lim})
		if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v", c.lim, err)
		}
	}
	data := writeIPC(t, IPCWriteOptions{Codec: "zstd"}, rec)
	for _, c := range []struct {
		lim Limits
		say string
	}{{Limits{Footer: 10}, "a message header of"}, {Limits{Body: 100}, "a message body of"}, {Limits{Body: 20000}, "the buffers of a message need"}} {
		r, err := NewIPCStream(bytes.NewReader(data), IPCOptions{Limits: c.lim})
		if err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v", c.lim, err)
		}
	}
}

func le32(v uint32) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }

// TestStats holds each rule of what is trusted.
func TestStats(t *testing.T) {
	str := leaf{Leaf: Leaf{MaxDef: 1}, typ: physBytes, logical: logicalString}
	i32 := leaf{Leaf: Leaf{MaxDef: 1}, typ: physInt32}
	u32 := leaf{Leaf: Leaf{MaxDef: 1}, typ: physInt32, logical: logicalUint}
	f32 := leaf{Leaf: Leaf{MaxDef: 1}, typ: physFloat}
	dec := leaf{Leaf: Leaf{MaxDef: 1}, typ: physFixed, typeLen: 4, logical: logicalDecimal}
	f := func(v float64) []byte { return le32(math.Float32bits(float32(v))) }
	negZero := math.Copysign(0, -1)
	for _, c := range []struct {
		name     string
		l        leaf
		s        rawStats
		ordered  bool
		min, max any
		nulls    int64
	}{
		{"string", str, rawStats{min: []byte("a"), max: []byte("b"), nulls: 3, hasNulls: true}, true, "a", "b", 3},
		{"old string", str, rawStats{oldMin: []byte("a"), oldMax: []byte("b")}, false, nil, nil, -1},
		{"string without order", str, rawStats{min: []byte("a"), max: []byte("b")}, false, nil, nil, -1},
		{"int", i32, rawStats{min: le32(0xffffffff), max: le32(5)}, true, int64(-1), int64(5), -1},
		{"old int", i32, rawStats{oldMin: le32(0xffffffff), oldMax: le32(5)}, false, int64(-1), int64(5), -1},
		{"uint", u32, rawStats{min: le32(5), max: le32(0xffffffff)}, true, uint64(5), uint64(math.MaxUint32), -1},
		{"old uint", u32, rawStats{oldMin: le32(5), oldMax: le32(0xffffffff)}, false, nil, nil, -1},
		{"wrong way", i32, rawStats{min: le32(6), max: le32(5)}, true, nil, nil, -1},
		{"wrong width", i32, rawStats{min: le32(6)[:3], max: le32(8)}, true, nil, nil, -1},
		{"half", i32, rawStats{min: le32(6)}, true, nil, nil, -1},
		{"float", f32, rawStats{min: f(-2), max: f(3)}, true, -2.0, 3.0, -1},
		{"zero", f32, rawStats{min: f(0), max: f(negZero)}, true, negZero, 0.0, -1},
		{"nan", f32, rawStats{min: f(math.NaN()), max: f(3)}, true, nil, nil, -1},
		{"nan above", f32, rawStats{min: f(1), max: f(math.NaN())}, true, nil, nil, -1},
		{"decimal bytes", dec, rawStats{min: le32(1), max: le32(2)}, true, nil, nil, -1},
		{"negative nulls", i32, rawStats{nulls: -7, hasNulls: true}, true, nil, nil, -1},
		{"too many nulls", i32, rawStats{nulls: 101, hasNulls: true}, true, nil, nil, -1},
		{"required", leaf{typ: physInt32}, rawStats{nulls: 9, hasNulls: true}, true, nil, nil, 0},
	} {
		got := statsOf(&chunkMeta{values: 100, stats: c.s, hasStats: true}, &c.l, c.ordered)
		if got.NullCount != c.nulls || fmt.Sprintf("%T%v %T%v", got.Min, got.Min, got.Max, got.Max) != fmt.Sprintf("%T%v %T%v", c.min, c.min, c.max, c.max) {
			t.Errorf("%s: %+v, want %v, %v, %d nulls", c.name, got, c.min, c.max, c.nulls)
		}
	}
}

// TestStatsOfFile compares the statistics of a written file with its values.
func TestStatsOfFile(t *testing.T) {
	rec := twoColumns(t, 1000)
	f := open(t, writeParquet(t, parquetOptions{Codec: "snappy", RowGroupRows: 300}, rec), Options{})
	for g := range f.NumRowGroups() {
		rg := f.RowGroup(g)
		lo, hi, nulls := int64(math.MaxInt64), int64(math.MinInt64), int64(0)
		for i := int64(g) * 300; i < int64(g)*300+rg.Rows; i++ {
			if c := rec.Column(0).(*array.Int64); c.IsNull(int(i)) {
				nulls++
			} else {
				lo, hi = min(lo, c.Value(int(i))), max(hi, c.Value(int(i)))
			}
		}
		s := rg.Chunks[0].Stats
		if s.Min != lo || s.Max != hi || s.NullCount != nulls {
			t.Errorf("row group %d: %+v, want %d, %d, %d nulls", g, s, lo, hi, nulls)
		}
		c := rg.Chunks[1]
		if c.Stats.Min != "" || c.Stats.Max != strings.Repeat("v", 16) || c.Codec != "SNAPPY" || c.Values != rg.Rows ||
			c.Compressed <= 0 || c.Uncompressed < c.Compressed/2 || rg.Compressed <= c.Compressed {
			t.Errorf("row group %d: %+v", g, c)
		}
	}
	if f.Rows() != 1000 || f.NumRowGroups() != 4 {
		t.Errorf("%d rows in %d row groups", f.Rows(), f.NumRowGroups())
	}
}

// TestFailingReader holds that an I/O error comes through as what it is, not as corruption.
func TestFailingReader(t *testing.T) {
	raw := writeParquet(t, parquetOptions{}, twoColumns(t, 100))
	f := open(t, raw, Options{})
	f.src = failingReader{}
	err := readPages(f, 0, 0)
	if !errors.Is(err, errUnplugged) || errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
}

var errUnplugged = errors.New("unplugged")

type failingReader struct{}

func (failingReader) ReadAt([]byte, int64) (int, error) { return 0, errUnplugged }

// TestCodecBounds holds that no codec allocates for a size that its input cannot hold.
func TestCodecBounds(t *testing.T) {
	for codec := int64(0); codec <= codecLZ4Raw; codec++ {
		if !knownCodec(codec) {
			if _, err := decompress(codec, make([]byte, 10), []byte{1}, 10); !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: %v", codecName(codec), err)
			}
			continue
		}
		if codec == codecNone {
			continue
		}
		for _, src := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 40), {0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0, 0, 0, 0x10, 1, 0, 0}} {
			if err := plausible(codec, src, 200<<20); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s of %d bytes: %v", codecName(codec), len(src), err)
			}
		}
	}
}
