package npy

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/elem"
)

// file is an .npy file of version 1.0 with a header of any text, and n bytes of elements.
func file(text string, n int) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(b[8:], uint16(len(text)))
	return append(append(b, text...), make([]byte, n)...)
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want Header
	}{
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }    \n", 48, Header{Kind: elem.Float64, Shape: []int64{3, 2}}},
		{"{'descr': '>i2', 'fortran_order': True, 'shape': (3,), }\n", 6, Header{Kind: elem.Int16, Swap: true, Fortran: true, Shape: []int64{3}}},
		{"{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", 1, Header{Kind: elem.Bool, Shape: []int64{}}},
		{"{\"shape\": (0, 5L), 'descr': '=c16', 'fortran_order': False}", 0, Header{Kind: elem.Complex128, Shape: []int64{0, 5}}},
	} {
		b := file(c.text, c.n)
		c.want.Offset = int64(len(b) - c.n)
		h, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil || h.Kind != c.want.Kind || h.Swap != c.want.Swap || h.Fortran != c.want.Fortran || !slices.Equal(h.Shape, c.want.Shape) || h.Offset != c.want.Offset {
			t.Errorf("%s: %+v %v", c.text, h, err)
		}
		if c.n > 0 {
			if _, err := Read(bytes.NewReader(b[:len(b)-1]), int64(len(b)-1)); err == nil {
				t.Errorf("%s: a file that is too short was taken", c.text)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", `type "|O"`},
		{"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }", "structured"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }", "want a length"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }", "want a length"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 9999999999), }", "2 axes and 1e+20"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'x': 1}", `key "x"`},
		{"{'descr': '<f8', 'descr': '<f8', 'shape': (3,)}", "twice"},
		{"{'descr': '<f8', 'shape': (3,)}", "is not there"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), } or exit()", "after the dictionary"},
		{"__import__('os').system('x')", `want "{"`},
		{"{'descr': '<f8', 'fortran_order': 0, 'shape': (3,)}", `want "False"`},
	} {
		b := file(c.text, 100)
		if _, err := Read(bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
	huge := []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff")
	if _, err := Read(bytes.NewReader(huge), 1<<40); err == nil || !strings.Contains(err.Error(), "a header of 4294967295 bytes") {
		t.Error(err)
	}
	if _, err := Read(bytes.NewReader([]byte("PK")), 2); err == nil {
		t.Error("two bytes were taken")
	}
}

func TestAppend(t *testing.T) {
	for _, shape := range [][]int64{{}, {7}, {3, 4}, {1 << 40, 0, 5}} {
		for _, k := range elem.Kinds {
			b := Append(nil, k, shape)
			n := k.Width()
			for _, s := range shape {
				n *= int(s)
			}
			h, err := Read(bytes.NewReader(append(b, make([]byte, n)...)), int64(len(b)+n))
			if err != nil || h.Kind != k || !slices.Equal(h.Shape, shape) || h.Offset != int64(len(b)) || len(b)%64 != 0 || h.Fortran || h.Swap {
				t.Errorf("%v %v: %+v %v", k, shape, h, err)
			}
		}
	}
}

// zipped is an .npz file.
func zipped(t testing.TB, method uint16) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"a.npy", "b/c.npy", "note.txt"} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = w.Write(append(Append(nil, elem.Int32, []int64{2, 3}), make([]byte, 24)...))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestMembers(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		b := zipped(t, method)
		m, err := Members(bytes.NewReader(b), int64(len(b)))
		for i := range m {
			if err := m[i].Describe(bytes.NewReader(b), int64(len(b))); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil || len(m) != 2 || m[0].Name != "a" || m[1].Name != "b/c" || m[0].Packed != (method == zip.Deflate) || m[1].Header.Elements() != 6 {
			t.Fatalf("%+v %v", m, err)
		}
		if method == zip.Store {
			if h, err := Read(bytes.NewReader(b[m[1].Offset:]), m[1].Length); err != nil || h.Offset != m[1].Header.Offset {
				t.Error(h, err)
			}
		}
	}
	if _, err := Members(bytes.NewReader([]byte("no")), 2); err == nil {
		t.Error("no zip file was taken")
	}
}

// FuzzRead: files of any content are refused, or their elements lie within them.
func FuzzRead(f *testing.F) {
	f.Add(file("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }\n", 48))
	f.Add(zipped(f, zip.Store))
	f.Add(zipped(f, zip.Deflate))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := Read(bytes.NewReader(b), int64(len(b))); err == nil && h.Offset+h.Elements()*int64(h.Kind.Width()) > int64(len(b)) {
			t.Fatalf("%+v in %d bytes", h, len(b))
		}
		if m, err := Members(bytes.NewReader(b), int64(len(b))); err == nil {
			for _, m := range m {
				if m.Describe(bytes.NewReader(b), int64(len(b))) == nil && m.Offset+m.Length > int64(len(b)) {
					t.Fatalf("%+v in %d bytes", m, len(b))
				}
			}
		}
	})
}
