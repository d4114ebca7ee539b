// Package netcdf reads the headers of NetCDF files in the classic formats: CDF-1, CDF-2 (64-bit offsets) and CDF-5 (64-bit
// data). Where the elements of a variable lie follows from the header, so that they are read like any others in a file.
//
// The format is that of the NetCDF Users Guide, appendix B. NetCDF 4 files are HDF5 and not read here, see
// docs/decisions/0014.
package netcdf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/weft-data/weft/internal/elem"
)

// ErrHDF5 says that a file is HDF5, as those of NetCDF 4 are.
var ErrHDF5 = errors.New("netcdf: the file is HDF5 (NetCDF 4): only the classic formats are read, convert it with nccopy -k cdf5")

// Bounds on what a header may say; those of the NetCDF library are lower but for attributes.
const (
	mostName  = 1 << 12
	mostDims  = 1 << 10 // of one variable
	mostValue = 1 << 20 // bytes of an attribute that are kept
	mostBytes = 1 << 25 // of the header, without the attributes that are not kept
)

// A File is what a header says.
type File struct {
	Version int // 1, 2 or 5
	Dims    []Dim
	Attrs   []Attr
	Vars    []Var
}

// A Dim is a dimension. The length of the record dimension is the number of records.
type Dim struct {
	Name   string
	Length int64
	Record bool
}

// An Attr is an attribute: Value is a string, []int64, []uint64 (of the type uint64) or []float64, or nil for more than a
// mebibyte.
type Attr struct {
	Name  string
	Value any
}

// A Var is a variable: its elements are big-endian, in row-major order.
type Var struct {
	Name  string
	Kind  elem.Kind // characters are uint8
	Dims  []int     // numbers of its dimensions
	Shape []int64
	Attrs []Attr
	// Offset is where its elements begin in the file. Stride is how far its records lie apart, that is what has one place
	// along the first axis, in bytes; 0 when the first axis is not the record dimension and all elements lie together.
	Offset, Stride int64
}

// kinds are the types by their numbers.
var kinds = []elem.Kind{1: elem.Int8, 2: elem.Uint8, 3: elem.Int16, 4: elem.Int32, 5: elem.Float32, 6: elem.Float64,
	7: elem.Uint8, 8: elem.Uint16, 9: elem.Uint32, 10: elem.Int64, 11: elem.Uint64}

const char = 2

// Tags of lists.
const (
	tagDims  = 0x0a
	tagVars  = 0x0b
	tagAttrs = 0x0c
)

// Read reads the header of a file of size bytes. What it allocates is bounded by the bytes of the header, of which there are at
// most 32 MiB, however large the file is.
func Read(r io.ReaderAt, size int64) (*File, error) {
	h := &header{r: bufio.NewReader(io.NewSectionReader(r, 0, size)), size: size}
	f, err := h.file()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if errors.Is(err, ErrHDF5) {
			return nil, err
		}
		return nil, fmt.Errorf("netcdf: byte %d of the header: %w", h.at, err)
	}
	return f, nil
}

// Var returns a variable by its name.
func (f *File) Var(name string) (*Var, error) {
	var names []string
	for i := range f.Vars {
		if f.Vars[i].Name == name {
			return &f.Vars[i], nil
		}
		names = append(names, f.Vars[i].Name)
	}
	return nil, fmt.Errorf("netcdf: no variable %q; there are %q", name, names)
}

// header is a header being read.
type header struct {
	r       *bufio.Reader
	size    int64
	at      int64
	kept    int  // bytes up to here that were not passed over
	wide    bool // numbers have 64 bits
	far     bool // offsets have 64 bits
	f       File
	records int64 // -1 when the file says that it was being written
}

func (h *header) file() (*File, error) {
	magic, err := h.bytes(4)
	switch {
	case err != nil:
		return nil, err
	case string(magic) == "\x89HDF":
		return nil, ErrHDF5
	case string(magic[:3]) != "CDF" || magic[3] != 1 && magic[3] != 2 && magic[3] != 5:
		return nil, fmt.Errorf("%q is no NetCDF file: want CDF and 1, 2 or 5", magic)
	}
	h.f.Version = int(magic[3])
	h.wide, h.far = magic[3] == 5, magic[3] != 1
	if h.records, err = h.count(); err != nil {
		return nil, err
	}
	for _, read := range []func() error{h.dims, func() error { return h.attrs(&h.f.Attrs) }, h.vars, h.place} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return &h.f, nil
}

// bytes reads n bytes; there are as many also with an error.
func (h *header) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if h.kept += n; h.kept > mostBytes {
		return b, fmt.Errorf("a header of more than %d MiB", mostBytes>>20)
	}
	k, err := io.ReadFull(h.r, b)
	h.at += int64(k)
	return b, err
}

func (h *header) u32() (uint32, error) {
	b, err := h.bytes(4)
	return binary.BigEndian.Uint32(b), err
}

// number reads one of the width that the version has.
func (h *header) number() (uint64, error) {
	if !h.wide {
		n, err := h.u32()
		return uint64(n), err
	}
	b, err := h.bytes(8)
	return binary.BigEndian.Uint64(b), err
}

// count reads the number of records: all ones when it is not known.
func (h *header) count() (int64, error) {
	n, err := h.number()
	if err != nil {
		return 0, err
	}
	if n == math.MaxUint64 || !h.wide && n == math.MaxUint32 {
		return -1, nil
	}
	return h.length(n)
}

func (h *header) length(n uint64) (int64, error) {
	if n > math.MaxInt64/16 {
		return 0, fmt.Errorf("a length of %d", n)
	}
	return int64(n), nil
}

// list reads how many entries a list has, each of at least some bytes.
func (h *header) list(tag uint32, least int64) (int, error) {
	got, err := h.u32()
	if err != nil {
		return 0, err
	}
	n, err := h.number()
	switch {
	case err != nil:
		return 0, err
	case got == 0 && n == 0:
		return 0, nil
	case got != tag:
		return 0, fmt.Errorf("tag %#x where %#x belongs", got, tag)
	case n > uint64((h.size-h.at)/least):
		return 0, fmt.Errorf("%d entries in %d bytes", n, h.size-h.at)
	}
	return int(n), nil
}

func (h *header) name() (string, error) {
	n, err := h.number()
	if err != nil {
		return "", err
	}
	if n > mostName {
		return "", fmt.Errorf("a name of %d bytes", n)
	}
	b, err := h.bytes(int(n+3) &^ 3)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

func (h *header) dims() error {
	n, err := h.list(tagDims, 8)
	for i := 0; i < n && err == nil; i++ {
		var d Dim
		if d.Name, err = h.name(); err != nil {
			break
		}
		var k uint64
		if k, err = h.number(); err != nil {
			break
		}
		d.Record = k == 0
		if d.Length, err = h.length(k); err == nil {
			h.f.Dims = append(h.f.Dims, d)
		}
	}
	return err
}

func (h *header) kind() (elem.Kind, uint32, error) {
	t, err := h.u32()
	if err == nil && (t < 1 || int(t) >= len(kinds)) {
		err = fmt.Errorf("type %d", t)
	}
	if err != nil {
		return elem.Invalid, 0, err
	}
	return kinds[t], t, nil
}

func (h *header) attrs(to *[]Attr) error {
	n, err := h.list(tagAttrs, 12)
	for i := 0; i < n && err == nil; i++ {
		var a Attr
		if a, err = h.attr(); err == nil {
			*to = append(*to, a)
		}
	}
	return err
}

func (h *header) attr() (a Attr, err error) {
	if a.Name, err = h.name(); err != nil {
		return a, err
	}
	k, t, err := h.kind()
	if err != nil {
		return a, err
	}
	n, err := h.number()
	if err != nil {
		return a, err
	}
	if n > uint64((h.size-h.at)/int64(k.Width())) {
		return a, fmt.Errorf("attribute %q has %d values in %d bytes", a.Name, n, h.size-h.at)
	}
	whole := (int64(n)*int64(k.Width()) + 3) &^ 3
	if whole > mostValue {
		for left := whole; left > 0 && err == nil; {
			var k int
			k, err = h.r.Discard(int(min(left, mostValue)))
			left, h.at = left-int64(k), h.at+int64(k)
		}
		return a, err
	}
	b, err := h.bytes(int(whole))
	if err == nil {
		a.Value = value(b[:int(n)*k.Width()], k, t)
	}
	return a, err
}

// value makes numbers of the bytes of an attribute.
func value(b []byte, k elem.Kind, t uint32) any {
	if t == char {
		return string(b)
	}
	w := k.Width()
	n := len(b) / w
	word := func(i int) uint64 {
		v := uint64(0)
		for _, c := range b[i*w:][:w] {
			v = v<<8 | uint64(c)
		}
		return v
	}
	switch {
	case k == elem.Uint64:
		out := make([]uint64, n)
		for i := range out {
			out[i] = word(i)
		}
		return out
	case k.IsInt():
		out := make([]int64, n)
		for i := range out {
			out[i] = int64(word(i))
			if k.IsSigned() {
				out[i] = out[i] << (64 - 8*w) >> (64 - 8*w)
			}
		}
		return out
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Float64frombits(word(i))
		if w == 4 {
			out[i] = float64(math.Float32frombits(uint32(word(i))))
		}
	}
	return out
}

func (h *header) vars() error {
	n, err := h.list(tagVars, 24)
	for i := 0; i < n && err == nil; i++ {
		var v Var
		if v, err = h.variable(); err == nil {
			h.f.Vars = append(h.f.Vars, v)
		} else if v.Name != "" {
			err = fmt.Errorf("variable %q: %w", v.Name, err)
		}
	}
	return err
}

func (h *header) variable() (v Var, err error) {
	if v.Name, err = h.name(); err != nil {
		return v, err
	}
	d, err := h.number()
	if err != nil {
		return v, err
	}
	if d > mostDims {
		return v, fmt.Errorf("%d dimensions", d)
	}
	for i := range int(d) {
		at, err := h.number()
		if err != nil {
			return v, err
		}
		if at >= uint64(len(h.f.Dims)) || i > 0 && h.f.Dims[at].Record {
			return v, fmt.Errorf("dimension %d is number %d of %d, or the record dimension behind another", i, at, len(h.f.Dims))
		}
		v.Dims = append(v.Dims, int(at))
	}
	if err := h.attrs(&v.Attrs); err != nil {
		return v, err
	}
	if v.Kind, _, err = h.kind(); err != nil {
		return v, err
	}
	if _, err := h.number(); err != nil { // the size, which follows from the shape and is wrong for large variables
		return v, err
	}
	if h.far {
		b, err := h.bytes(8)
		if err != nil {
			return v, err
		}
		if v.Offset = int64(binary.BigEndian.Uint64(b)); v.Offset < 0 {
			return v, fmt.Errorf("it begins at byte %d", uint64(v.Offset))
		}
		return v, nil
	}
	n, err := h.u32()
	v.Offset = int64(n)
	return v, err
}

// place finds shapes and strides, and refuses variables that do not lie within the file.
func (h *header) place() error {
	var records []int // variables that have records
	sizes := make([]int64, len(h.f.Vars))
	for i := range h.f.Vars {
		v := &h.f.Vars[i]
		size := int64(v.Kind.Width())
		for j, at := range v.Dims {
			d := h.f.Dims[at]
			v.Shape = append(v.Shape, d.Length)
			if d.Record {
				records = append(records, i)
				continue
			}
			if d.Length > 0 && size > math.MaxInt64/16/d.Length {
				return fmt.Errorf("variable %q: %d bytes times %d along dimension %d", v.Name, size, d.Length, j)
			}
			size *= d.Length
		}
		sizes[i] = size
	}
	stride := int64(0)
	for _, i := range records {
		size := sizes[i]
		if len(records) > 1 { // one alone has no gaps
			size = (size + 3) &^ 3
		}
		if stride += size; stride > math.MaxInt64/16 {
			return fmt.Errorf("records of %d bytes and more", stride)
		}
	}
	if err := h.countRecords(records, sizes, stride); err != nil {
		return err
	}
	for i := range h.f.Vars {
		v := &h.f.Vars[i]
		end := v.Offset + sizes[i]
		if len(v.Dims) > 0 && h.f.Dims[v.Dims[0]].Record {
			v.Shape[0], v.Stride = h.records, stride
			if end = v.Offset; h.records > 0 {
				if stride > 0 && h.records-1 > (math.MaxInt64/16)/stride {
					return fmt.Errorf("variable %q: %d records of %d bytes", v.Name, h.records, stride)
				}
				end += (h.records-1)*stride + sizes[i]
			}
		}
		if end > h.size || end < v.Offset {
			return fmt.Errorf("variable %q ends at byte %d of a file of %d", v.Name, end, h.size)
		}
	}
	for i := range h.f.Dims {
		if h.f.Dims[i].Record {
			h.f.Dims[i].Length = h.records
		}
	}
	return nil
}

// countRecords finds the number of records of a file that was being written when it was left.
func (h *header) countRecords(records []int, sizes []int64, stride int64) error {
	if h.records >= 0 {
		return nil
	}
	h.records = 0
	if stride == 0 {
		return nil
	}
	h.records = math.MaxInt64
	for _, i := range records {
		n := int64(0)
		if room := h.size - h.f.Vars[i].Offset - sizes[i]; room >= 0 {
			n = room/stride + 1
		}
		h.records = min(h.records, n)
	}
	return nil
}
