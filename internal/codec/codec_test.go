package codec

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

var all = []Codec{Plain, Gzip, Zstd, LZ4, Snappy}

// TestPieces reads back pieces that were packed one after the other, empty ones among them.
func TestPieces(t *testing.T) {
	noise := make([]byte, 300_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	pieces := [][]byte{[]byte("first\n"), bytes.Repeat([]byte("again and again\n"), 100_000), {}, noise, []byte("last")}
	for _, c := range all {
		p := NewPacker(c)
		var packed, want []byte
		for _, x := range pieces {
			var err error
			if packed, err = p.Pack(packed, x); err != nil {
				t.Fatal(c, err)
			}
			want = append(want, x...)
		}
		if got, err := OfFile(bytes.NewReader(packed), "x.csv"); got != c || err != nil {
			t.Errorf("%s: found %s, %v", c, got, err)
		}
		in, done, err := NewReader(bytes.NewReader(packed), c)
		if err != nil {
			t.Fatal(c, err)
		}
		got, err := io.ReadAll(in)
		done()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d, %v", c, len(got), len(want), err)
		}
		if c == Plain {
			continue
		}
		in, done, err = NewReader(bytes.NewReader(packed[:len(packed)-3]), c)
		if err != nil {
			t.Fatal(c, err)
		}
		if _, err = io.ReadAll(in); err == nil {
			t.Errorf("%s: a cut file is read without an error", c)
		}
		done()
	}
}

// TestNames finds codecs by names.
func TestNames(t *testing.T) {
	for name, want := range map[string]Codec{"a.csv": Plain, "a.CSV.GZ": Gzip, "a.zst": Zstd, "a.zstd": Zstd, "a.lz4": LZ4, "a.snappy": Snappy,
		"a.sz": Snappy, "s3://b/a.csv.gz?region=x.zst": Gzip, "gz": Plain} {
		if got := OfName(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := Trim("s3://b/a.csv.gz?x=1"); got != "s3://b/a.csv" {
		t.Error(got)
	}
	if _, err := OfFile(strings.NewReader("a,b\n"), "dir/x.csv.gz"); err == nil || !strings.Contains(err.Error(), "dir/x.csv.gz is named like a gzip file") {
		t.Error(err)
	}
	if c, err := OfFile(strings.NewReader(""), "x.csv.gz"); c != Plain || err != nil {
		t.Error(c, err)
	}
}
