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
// TestSkippable reads files that begin with a frame that is passed over, as those of pzstd.
func TestSkippable(t *testing.T) {
	for c, name := range map[Codec]string{Zstd: "x.csv.zst", LZ4: "x.csv.lz4"} {
		packed, err := NewPacker(c).Pack([]byte("\x5f\x2a\x4d\x18\x03\x00\x00\x00abc"), []byte("a,b\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := OfFile(bytes.NewReader(packed), name); got != c || err != nil {
			t.Errorf("%s: found %s, %v", name, got, err)
		}
		in, done, err := NewReader(bytes.NewReader(packed), c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(in); err != nil || string(got) != "a,b\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		done()
	}
	if c, err := OfFile(strings.NewReader("\x5f\x2a\x4d\x17"), "x.zst"); c != Zstd || err == nil {
		t.Errorf("another beginning: %v, %v", c, err)
	}
}

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
