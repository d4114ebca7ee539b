// Package npy reads and writes the headers of NumPy's .npy files (format versions 1.0 to 3.0, NEP 1) and finds the
// members of .npz files. It moves no elements: what it says is where they lie in the file and how.
//
// A header is a Python expression in text, a known way to attack readers. It is parsed here as exactly the one
// dictionary that NumPy writes, from at most MaxHeader bytes, and refused with its position if it is anything else:
// pickled objects, structured and text types, negative or overflowing shapes. No library is used because those at hand
// allocate what the length field says before they look at the file.
package npy

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/weft-data/weft/internal/cell"
	"github.com/weft-data/weft/internal/elem"
)

// MaxHeader bounds the text of a header: more than any array of 32 axes needs.
const MaxHeader = 64 << 10

// MaxDims bounds the axes of an array.
const MaxDims = 32

var magic = []byte("\x93NUMPY")

// A Header describes the array of an .npy file.
type Header struct {
	Kind    elem.Kind
	Swap    bool // the elements are big-endian
	Fortran bool // the first axis counts fastest
	Shape   []int64
	Offset  int64 // of the first element in the file
}

// Elements returns the number of elements.
func (h *Header) Elements() int64 {
	n := int64(1)
	for _, k := range h.Shape {
		n *= k
	}
	return n
}

// codes are the types in NumPy's notation, without the byte order.
var codes = map[elem.Kind]string{elem.Bool: "b1", elem.Int8: "i1", elem.Int16: "i2", elem.Int32: "i4", elem.Int64: "i8", elem.Uint8: "u1", elem.Uint16: "u2",
	elem.Uint32: "u4", elem.Uint64: "u8", elem.Float32: "f4", elem.Float64: "f8", elem.Complex64: "c8", elem.Complex128: "c16"}

// Descr words a type as NumPy does, little-endian: "<f8", "|b1".
func Descr(k elem.Kind) string {
	if k.Width() == 1 {
		return "|" + codes[k]
	}
	return "<" + codes[k]
}

// ParseDescr reads a type such as "<f8". Errors: types that arrays do not have.
func ParseDescr(s string) (k elem.Kind, swap bool, err error) {
	if len(s) > 1 && strings.ContainsRune("<>|=", rune(s[0])) {
		for _, k := range elem.Kinds {
			if codes[k] == s[1:] && (s[0] != '|' || k.Width() == 1) {
				return k, s[0] == '>' && k.Width() > 1, nil
			}
		}
	}
	return 0, false, fmt.Errorf("elements of type %q: arrays hold bool, integers of 1 to 8 bytes, float32 and 64, complex64 and 128", cell.Cut(s, 32))
}

// Read reads the header at the begin of a file of the given size. Errors: what is no header, or one of an array that
// the file is too short for.
func Read(r io.ReaderAt, size int64) (h Header, err error) {
	lead := make([]byte, 12)
	n, err := r.ReadAt(lead, 0)
	if err != nil && err != io.EOF {
		return h, err
	}
	if lead = lead[:n]; n < 10 || !bytes.HasPrefix(lead, magic) {
		return h, fmt.Errorf("not an .npy file: it begins with %q", lead[:min(n, 8)])
	}
	length := int64(binary.LittleEndian.Uint16(lead[8:]))
	h.Offset = 10
	switch lead[6] {
	case 1:
	case 2, 3:
		if n < 12 {
			return h, fmt.Errorf("the header ends at byte %d", n)
		}
		length, h.Offset = int64(binary.LittleEndian.Uint32(lead[8:])), 12
	default:
		return h, fmt.Errorf("format version %d.%d: want 1.0, 2.0 or 3.0", lead[6], lead[7])
	}
	if length > MaxHeader || h.Offset+length > size {
		return h, fmt.Errorf("a header of %d bytes in a file of %d: at most %d are read", length, size, MaxHeader)
	}
	text := make([]byte, length)
	if _, err := r.ReadAt(text, h.Offset); err != nil {
		return h, fmt.Errorf("the header: %w", err)
	}
	offset := h.Offset + length
	p := parser{text: string(text)}
	if err := p.header(&h); err != nil {
		return Header{}, fmt.Errorf("the header, at byte %d: %w", h.Offset+int64(p.at), err)
	}
	h.Offset = offset
	if have := size - offset; h.Elements() > have/int64(h.Kind.Width()) {
		return Header{}, fmt.Errorf("the header says %d elements of %s, %d bytes follow it", h.Elements(), h.Kind, have)
	}
	return h, nil
}

// parser reads the dictionary of a header.
type parser struct {
	text string
	at   int
}

func (p *parser) space() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n') {
		p.at++
	}
}

// take passes over a token.
func (p *parser) take(s string) bool {
	p.space()
	if strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

func (p *parser) want(s string) error {
	if !p.take(s) {
		return fmt.Errorf("want %q, not %q", s, p.text[p.at:min(p.at+12, len(p.text))])
	}
	return nil
}

// quoted reads a text without escapes.
func (p *parser) quoted() (string, error) {
	p.space()
	if p.at < len(p.text) && (p.text[p.at] == '\'' || p.text[p.at] == '"') {
		if n := strings.IndexByte(p.text[p.at+1:], p.text[p.at]); n >= 0 {
			s := p.text[p.at+1:][:n]
			p.at += n + 2
			return s, nil
		}
	}
	return "", p.want("'")
}

func (p *parser) header(h *Header) error {
	if err := p.want("{"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for !p.take("}") {
		key, err := p.quoted()
		if err == nil {
			err = p.want(":")
		}
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%q is given twice", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			err = p.descr(h)
		case "fortran_order":
			if h.Fortran = p.take("True"); !h.Fortran {
				err = p.want("False")
			}
		case "shape":
			err = p.shape(h)
		default:
			err = fmt.Errorf("the key %q: want descr, fortran_order and shape", key)
		}
		if err != nil {
			return err
		}
		if !p.take(",") {
			if err := p.want("}"); err != nil {
				return err
			}
			break
		}
	}
	if len(seen) != 3 {
		return fmt.Errorf("one of descr, fortran_order and shape is not there")
	}
	if p.space(); p.at != len(p.text) {
		return fmt.Errorf("%q after the dictionary", p.text[p.at:min(p.at+12, len(p.text))])
	}
	return nil
}

func (p *parser) descr(h *Header) error {
	if p.take("[") {
		return fmt.Errorf("a structured type: read its fields one by one with raw offsets, or as a table")
	}
	s, err := p.quoted()
	if err == nil {
		h.Kind, h.Swap, err = ParseDescr(s)
	}
	return err
}

func (p *parser) shape(h *Header) error {
	if err := p.want("("); err != nil {
		return err
	}
	h.Shape = []int64{}
	total := 1.0
	for !p.take(")") {
		p.space()
		from := p.at
		for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
			p.at++
		}
		n, err := strconv.ParseInt(p.text[from:p.at], 10, 64)
		if err != nil {
			p.at = from
			return fmt.Errorf("the shape: want a length, not %q", p.text[from:min(from+12, len(p.text))])
		}
		p.take("L") // of Python 2
		h.Shape = append(h.Shape, n)
		total *= float64(max(n, 1))
		if total > math.MaxInt64/32 || len(h.Shape) > MaxDims {
			return fmt.Errorf("a shape of %d axes and %.3g elements", len(h.Shape), total)
		}
		if !p.take(",") {
			return p.want(")")
		}
	}
	return nil
}

// Append appends the header of a file of an array in row-major order, as NumPy writes it: elements begin at a multiple
// of 64 bytes.
func Append(dst []byte, k elem.Kind, shape []int64) []byte {
	tuple := ""
	for _, n := range shape {
		tuple += strconv.FormatInt(n, 10) + ", "
	}
	if len(shape) > 1 {
		tuple = strings.TrimSuffix(tuple, ", ")
	} else {
		tuple = strings.TrimSuffix(tuple, " ")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", Descr(k), tuple)
	text += strings.Repeat(" ", 63-(10+len(text))%64) + "\n"
	dst = append(append(dst, magic...), 1, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	return append(dst, text...)
}

// A Member is an array of an .npz file. Members sets its name, Describe the rest.
type Member struct {
	Name   string // without .npy
	Offset int64  // of the .npy within the file; the elements follow its header
	Packed bool   // the .npy is compressed: a stream that can only be read from its begin
	Length int64  // of what is in the file
	Header Header // its Offset counts from the begin of the .npy

	file *zip.File
}

// maxMembers bounds the arrays of an .npz file.
const maxMembers = 1 << 16

// Members lists the arrays of an .npz file, of which nothing is read but the directory. Errors: what is no zip file.
func Members(r io.ReaderAt, size int64) ([]Member, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("not an .npz file: %w", err)
	}
	if len(z.File) > maxMembers {
		return nil, fmt.Errorf("%d members: at most %d are read", len(z.File), maxMembers)
	}
	var out []Member
	for _, f := range z.File {
		if name, ok := strings.CutSuffix(f.Name, ".npy"); ok {
			out = append(out, Member{Name: name, file: f})
		}
	}
	return out, nil
}

// Describe reads the header of a member, of a file of the given size. Errors: one that does not lie within the file, is
// compressed with another method than deflate, or is no .npy.
func (m *Member) Describe(r io.ReaderAt, size int64) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("member %q: %w", m.file.Name, err)
		}
	}()
	if m.Offset, err = m.file.DataOffset(); err != nil {
		return err
	}
	m.Packed, m.Length = m.file.Method == zip.Deflate, int64(m.file.CompressedSize64)
	whole := int64(m.file.UncompressedSize64)
	if whole < 0 || m.Length < 0 || m.Offset+m.Length > size || m.Offset+m.Length < 0 {
		return fmt.Errorf("%d bytes at %d of a file of %d", m.Length, m.Offset, size)
	}
	switch m.file.Method {
	case zip.Store:
		m.Header, err = Read(io.NewSectionReader(r, m.Offset, m.Length), m.Length)
		return err
	case zip.Deflate:
		s, err := m.file.Open()
		if err != nil {
			return err
		}
		head := make([]byte, min(MaxHeader+12, whole))
		n, err := io.ReadFull(s, head)
		if err == nil || err == io.ErrUnexpectedEOF {
			m.Header, err = Read(bytes.NewReader(head[:n]), whole)
		}
		_ = s.Close()
		return err
	}
	return fmt.Errorf("compressed with zip method %d: want stored or deflated", m.file.Method)
}
