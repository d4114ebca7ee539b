package canon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
)

var (
	errDepth = fmt.Errorf("nested deeper than %d", MaxDepth)
	errShort = errors.New("input ends early")
)

// reader walks over b; off never exceeds len(b).
type reader struct {
	b   []byte
	off int
}

func (r *reader) left() int { return len(r.b) - r.off }

func (r *reader) take(n int) ([]byte, error) {
	if r.left() < n {
		return nil, errShort
	}
	s := r.b[r.off : r.off+n]
	r.off += n
	return s, nil
}

func (r *reader) word() (uint64, error) {
	s, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(s), nil
}

func (r *reader) flag() (bool, error) {
	s, err := r.take(1)
	if err != nil {
		return false, err
	}
	if s[0] > 1 {
		return false, fmt.Errorf("tag %d is neither 0 nor 1", s[0])
	}
	return s[0] == 1, nil
}

// length reads the count of elements of at least size ≥ 1 bytes each and checks that they can still follow, so that
// an allocation made for them is paid for by input. isNil is set for the length of a nil slice.
func (r *reader) length(size int) (n int, isNil bool, err error) {
	w, err := r.word()
	if err != nil {
		return 0, false, err
	}
	if w == nilLength {
		return 0, true, nil
	}
	if w > uint64(r.left()/size) {
		return 0, false, fmt.Errorf("length %d needs more than the %d bytes left", w, r.left())
	}
	return int(w), false, nil
}

// str reads a length and that many bytes; strings have no nil.
func (r *reader) str() (string, error) {
	n, isNil, err := r.length(1)
	if err != nil {
		return "", err
	}
	if isNil {
		return "", errors.New("a string has the length of a nil slice")
	}
	s, err := r.take(n)
	return string(s), err
}

// decode fills v, which is settable, of type p.t and zero.
func (p *plan) decode(r *reader, v reflect.Value, depth int) error {
	switch p.form {
	case formStruct:
		for i, f := range p.fields {
			if err := f.plan.decode(r, v.Field(i), depth); err != nil {
				return at("."+f.name, err)
			}
		}
		return nil
	case formArray:
		return p.decodeElems(r, v, depth)
	case formSlice, formPointer, formSum:
		if depth++; depth > MaxDepth {
			return errDepth
		}
		return p.decodeLink(r, v, depth)
	case formBytes, formByteArray, formString:
		return p.decodeText(r, v)
	default:
		return p.decodeScalar(r, v)
	}
}

func (p *plan) decodeScalar(r *reader, v reflect.Value) error {
	switch p.form {
	case formBool:
		b, err := r.flag()
		v.SetBool(b)
		return err
	case formFloat32:
		s, err := r.take(4)
		if err != nil {
			return err
		}
		// Convert, not SetFloat: see float32bits.
		f := math.Float32frombits(binary.LittleEndian.Uint32(s))
		v.Set(reflect.ValueOf(f).Convert(p.t))
		return nil
	}
	w, err := r.word()
	if err != nil {
		return err
	}
	switch p.form {
	case formFloat64:
		v.SetFloat(math.Float64frombits(w))
	case formInt:
		if v.OverflowInt(int64(w)) {
			return fmt.Errorf("%d does not fit into %s", int64(w), p.t)
		}
		v.SetInt(int64(w))
	default:
		if v.OverflowUint(w) {
			return fmt.Errorf("%d does not fit into %s", w, p.t)
		}
		v.SetUint(w)
	}
	return nil
}

func (p *plan) decodeText(r *reader, v reflect.Value) error {
	switch p.form {
	case formString:
		s, err := r.str()
		v.SetString(s)
		return err
	case formByteArray:
		s, err := r.take(v.Len())
		copy(v.Bytes(), s)
		return err
	}
	n, isNil, err := r.length(1)
	if err != nil || isNil {
		return err
	}
	s, err := r.take(n)
	v.SetBytes(append(make([]byte, 0, n), s...))
	return err
}

// decodeLink reads the kinds through which a type can reach itself.
func (p *plan) decodeLink(r *reader, v reflect.Value, depth int) error {
	if p.form == formSlice {
		n, isNil, err := r.length(p.elem.min)
		if err != nil || isNil {
			return err
		}
		v.Set(reflect.MakeSlice(p.t, n, n))
		return p.decodeElems(r, v, depth)
	}
	full, err := r.flag()
	if err != nil || !full {
		return err
	}
	if p.form == formSum {
		return p.decodeSum(r, v, depth)
	}
	v.Set(reflect.New(p.t.Elem()))
	return p.elem.decode(r, v.Elem(), depth)
}

func (p *plan) decodeElems(r *reader, v reflect.Value, depth int) error {
	for i := range v.Len() {
		if err := p.elem.decode(r, v.Index(i), depth); err != nil {
			return at(fmt.Sprintf("[%d]", i), err)
		}
	}
	return nil
}

func (p *plan) decodeSum(r *reader, v reflect.Value, depth int) error {
	name, err := r.str()
	if err != nil {
		return err
	}
	m, ok := memberByName(p.t, name)
	if !ok {
		return fmt.Errorf("no %s is registered under the name %.40q", p.t, name)
	}
	mp, err := planOf(m.body())
	if err != nil {
		return err
	}
	x := reflect.New(mp.t)
	if err := mp.decode(r, x.Elem(), depth); err != nil {
		return at("("+m.name+")", err)
	}
	if m.t.Kind() != reflect.Pointer {
		x = x.Elem()
	}
	v.Set(x)
	return nil
}

// pathError says where in a value an error lies.
type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// at puts step before the path of err. Long paths (deep nesting) keep their outer and inner ends.
func at(step string, err error) error {
	if err == nil {
		return nil
	}
	pe, ok := err.(*pathError)
	if !ok {
		return &pathError{step, err}
	}
	pe.path = step + pe.path
	if len(pe.path) > 400 {
		pe.path = strings.ToValidUTF8(pe.path[:120]+"…"+pe.path[len(pe.path)-120:], "")
	}
	return pe
}
