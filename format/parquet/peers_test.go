package parquet

import (
	"encoding/binary"
	"math"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/scan"
)

// TestHintsOfArrow reads a file of pyarrow's: what Parquet does not keep of its types comes back at any depth, and a zone that
// is not known costs its own column alone what was noted of it.
func TestHintsOfArrow(t *testing.T) {
	got, s, err := readFile(t, filepath.Join("testdata", "hints.parquet"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "cents decimal(5, 2)?, took duration[ms]?, at timestamp[us, Europe/Berlin]?, laps list(duration[us])?, " +
		"trip struct(took duration[s], left timestamp[ms, Asia/Tokyo])?, by list(struct(key utf8, value timestamp[ns, Europe/Berlin]))?, " +
		"mixed struct(at timestamp[us, UTC], took int64)?"
	if s.String() != want {
		t.Errorf("%s\nwant %s", s, want)
	}
	if len(got.got) != 1 {
		t.Errorf("%d rows", len(got.got))
	}
}

// TestInt96AtTheEdges reads the first and the last nanosecond that 64 bits hold, and refuses their neighbours.
func TestInt96AtTheEdges(t *testing.T) {
	for _, c := range []struct {
		day, in, want int64
		ok            bool
	}{
		{106751, 85636854775807, math.MaxInt64, true},
		{106751, 85636854775808, 0, false},
		{106750, 85636854775807 + dayNanos, math.MaxInt64, true},
		{-106752, 763145224192, math.MinInt64, true},
		{-106752, 763145224191, 0, false},
	} {
		in, out := make([]byte, 12), make([]byte, 8)
		binary.LittleEndian.PutUint64(in, uint64(c.in))
		binary.LittleEndian.PutUint32(in[8:], uint32(c.day+julianEpoch))
		err := fromInt96(dtype.Nano)(out, in, 1)
		if got := int64(binary.LittleEndian.Uint64(out)); (err == nil) != c.ok || c.ok && got != c.want {
			t.Errorf("day %d, %d ns: %d, %v", c.day, c.in, got, err)
		}
	}
}

// TestRunsTooWide refuses runs of numbers that have more bits than the codes of their page: a dictionary of 8 values is not
// asked whether it has a code of 3 bits.
func TestRunsTooWide(t *testing.T) {
	for width, value := range map[uint]byte{0: 0, 1: 1, 3: 7, 8: 255} {
		var h hybrid
		out := make([]uint32, 5)
		h.start([]byte{5 << 1, value}, width)
		if err := h.read(out); err != nil || out[4] != uint32(value) {
			t.Errorf("%d in %d bits: %d, %v", value, width, out, err)
		}
		h.start([]byte{5 << 1, value + 1, 0}, width)
		if err := h.read(out); width > 0 && width < 8 && !isClear(err) {
			t.Errorf("%d in %d bits: %d, %v", value+1, width, out, err)
		}
	}
	var codes hybrid
	codes.start([]byte{5 << 1, 9}, 3)
	if err := codes.skip(5); !isClear(err) {
		t.Errorf("skipped: %v", err)
	}
}

// TestKeysOfPaths holds that values of keys are parts of paths that say what they were, with one = for all readers.
func TestKeysOfPaths(t *testing.T) {
	for _, want := range []string{"x=y", "=", "a/b", "a%2Fb", "100%", "..", "ü", "a\\b", "a\nb", " ", scan.HiveNull} {
		b := chunk.NewBuilder(dtype.Schema{{Type: dtype.Of(dtype.Utf8)}}, mem.Heap)
		if err := b.Append(&chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: dtype.Of(dtype.Utf8), N: 1, Off: []int32{0, int32(len(want))}, Str: []byte(want)}}}); err != nil {
			t.Fatal(err)
		}
		part, err := appendKey(nil, "a=b", &b.Flush().Cols[0], 0)
		value, ok := strings.CutPrefix(string(part), "a%3Db=")
		got, e := url.PathUnescape(value)
		if err != nil || !ok || e != nil || got != want || value == scan.HiveNull || strings.ContainsAny(value, "=/\\\n") {
			t.Errorf("%q is %q, read as %q, %v, %v", want, part, got, err, e)
		}
	}
}
