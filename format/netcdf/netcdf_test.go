package netcdf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/weft-data/weft/format/netcdf"
	"github.com/weft-data/weft/internal/elem"
)

// sample is a file of a version: dimensions time (records) and x (3), attributes, variables a (x) of int16, t (time) of
// float64 and v (time, x) of int8, with two records.
func sample(version byte) []byte {
	var b []byte
	u32 := func(n int) { b = binary.BigEndian.AppendUint32(b, uint32(n)) }
	num := u32
	if version == 5 {
		num = func(n int) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	}
	name := func(s string) {
		num(len(s))
		b = append(b, s...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	var begins []int
	begin := func() {
		begins = append(begins, len(b))
		if version != 1 {
			u32(0)
		}
		u32(0)
	}
	b = append(b, 'C', 'D', 'F', version)
	num(2)
	u32(0x0a)
	num(2)
	name("time")
	num(0)
	name("x")
	num(3)
	u32(0x0c)
	num(3)
	name("title")
	u32(2)
	num(5)
	b = append(b, "hello\x00\x00\x00"...)
	name("scale")
	u32(6)
	num(1)
	b = binary.BigEndian.AppendUint64(b, 0x3fe0000000000000)
	name("range")
	u32(3)
	num(2)
	b = append(b, 0xff, 0xfe, 0, 7)
	u32(0x0b)
	num(3)
	for _, v := range []struct {
		name string
		dims []int
		kind int
		size int
	}{{"a", []int{1}, 3, 8}, {"t", []int{0}, 6, 8}, {"v", []int{0, 1}, 1, 4}} {
		name(v.name)
		num(len(v.dims))
		for _, d := range v.dims {
			num(d)
		}
		u32(0)
		num(0)
		u32(v.kind)
		num(v.size)
		begin()
	}
	at := len(b)
	for i, off := range []int{at, at + 8, at + 16} {
		binary.BigEndian.PutUint32(b[begins[i]+map[bool]int{true: 0, false: 4}[version == 1]:], uint32(off))
	}
	return append(b, make([]byte, 8+2*12)...)
}

func TestRead(t *testing.T) {
	for _, version := range []byte{1, 2, 5} {
		b := sample(version)
		f, err := netcdf.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		data := int64(len(b) - 32)
		want := &netcdf.File{Version: int(version),
			Dims:  []netcdf.Dim{{Name: "time", Length: 2, Record: true}, {Name: "x", Length: 3}},
			Attrs: []netcdf.Attr{{Name: "title", Value: "hello"}, {Name: "scale", Value: []float64{0.5}}, {Name: "range", Value: []int64{-2, 7}}},
			Vars: []netcdf.Var{
				{Name: "a", Kind: elem.Int16, Dims: []int{1}, Shape: []int64{3}, Offset: data},
				{Name: "t", Kind: elem.Float64, Dims: []int{0}, Shape: []int64{2}, Offset: data + 8, Stride: 12},
				{Name: "v", Kind: elem.Int8, Dims: []int{0, 1}, Shape: []int64{2, 3}, Offset: data + 16, Stride: 12},
			}}
		if !reflect.DeepEqual(f, want) {
			t.Errorf("version %d:\n%+v\n%+v", version, f, want)
		}
		if _, err := f.Var("q"); err == nil || !strings.Contains(err.Error(), `["a" "t" "v"]`) {
			t.Errorf("no variable: %v", err)
		}
	}
}

// TestUnfinished reads a file that does not say how many records it has.
func TestUnfinished(t *testing.T) {
	b := sample(1)
	copy(b[4:8], "\xff\xff\xff\xff")
	f, err := netcdf.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil || f.Dims[0].Length != 2 {
		t.Fatalf("%+v, %v", f, err)
	}
	b = b[:len(b)-5] // the second record is not whole
	if f, err = netcdf.Read(bytes.NewReader(b), int64(len(b))); err != nil || f.Dims[0].Length != 1 {
		t.Fatalf("%+v, %v", f, err)
	}
}

func TestBroken(t *testing.T) {
	whole := sample(2)
	head := len(whole) - 32
	for n := range head {
		if _, err := netcdf.Read(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			t.Fatalf("%d of %d bytes are read", n, head)
		}
	}
	if _, err := netcdf.Read(bytes.NewReader(whole[:head+10]), int64(head+10)); err == nil || !strings.Contains(err.Error(), "ends at byte") {
		t.Errorf("elements are missing: %v", err)
	}
	if _, err := netcdf.Read(strings.NewReader("\x89HDF\r\n\x1a\n...."), 12); !errors.Is(err, netcdf.ErrHDF5) {
		t.Errorf("HDF5: %v", err)
	}
	if _, err := netcdf.Read(strings.NewReader("CDF\x03...."), 8); err == nil || !strings.Contains(err.Error(), "want CDF and 1, 2 or 5") {
		t.Errorf("version 3: %v", err)
	}
}

// zeros is a file of a header's first bytes and nothing but zeros behind them, as a sparse one is.
type zeros []byte

func (z zeros) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(z)) {
		copy(b, z[at:])
	}
	return len(b), nil
}

// TestEndless refuses a header that is as long as a file of a tebibyte: each of its dimensions is two zeros.
func TestEndless(t *testing.T) {
	b := zeros("CDF\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x0f\x00\x00\x00\x00")
	if _, err := netcdf.Read(b, 1<<40); err == nil || !strings.Contains(err.Error(), "a header of more than 32 MiB") {
		t.Error(err)
	}
}

// TestReal reads what the NetCDF library has written.
func TestReal(t *testing.T) {
	files, err := filepath.Glob("testdata/*.nc")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := netcdf.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(f.Vars) == 0 {
			t.Errorf("%s: %+v, %v", path, f, err)
		}
	}
}

// FuzzRead looks for panics, and for headers that promise more than a file has.
func FuzzRead(f *testing.F) {
	for _, v := range []byte{1, 2, 5} {
		f.Add(sample(v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := netcdf.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, v := range file.Vars {
			n := int64(v.Kind.Width())
			for i, k := range v.Shape {
				if k < 0 {
					t.Fatalf("%+v", v)
				}
				if i > 0 || v.Stride == 0 {
					n *= k
				}
			}
			if v.Stride > 0 && v.Shape[0] > 0 {
				n += (v.Shape[0] - 1) * v.Stride
			} else if v.Stride > 0 {
				n = 0
			}
			if v.Offset < 0 || n < 0 || v.Offset+n > int64(len(b)) {
				t.Fatalf("%+v in %d bytes", v, len(b))
			}
		}
	})
}
