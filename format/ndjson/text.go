package ndjson

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/store"
)

// A text gives the records of a file one after the other, from its beginning.
type text struct {
	ctx    context.Context
	d      *File
	r      io.Reader
	f      store.File
	done   func()
	buf    []byte
	grow   func(old []byte, n int) []byte // a longer buffer with what is in the old one; nil when memory is refused
	most   int64                          // bytes of a record
	lo, hi int                            // what is read and not given
	last   int                            // where the last record began
	passed int64                          // bytes before buf[0]
	ended  bool                           // no more to read
	inside bool                           // the array has begun
	first  bool                           // no record of the array was given
}

// text opens a file. buf is the first buffer, grow makes larger ones.
func (d *File) text(ctx context.Context, buf []byte, grow func([]byte, int) []byte, most int64) (*text, error) {
	f, err := d.Open(ctx)
	if err != nil {
		return nil, err
	}
	r, done, err := codec.NewReader(f, d.Codec)
	if err != nil {
		return nil, errors.Join(d.wrap(err), f.Close())
	}
	t := &text{ctx: ctx, d: d, f: f, r: r, done: done, buf: buf, grow: grow, most: most, first: true}
	if err := t.more(); err != nil {
		t.close()
		return nil, err
	}
	if bytes.HasPrefix(t.buf[:t.hi], []byte("\xef\xbb\xbf")) {
		t.lo = 3
	}
	return t, nil
}

func (t *text) close() { t.done(); _ = t.f.Close() }

// fail gives an error the file and the line of the last record.
func (t *text) fail(err error) error {
	return lineError(t.ctx, t.d, t.passed+int64(t.last), err)
}

// more reads on, keeping what is not given.
func (t *text) more() error {
	if t.lo > 0 {
		copy(t.buf, t.buf[t.lo:t.hi])
		t.passed, t.last = t.passed+int64(t.lo), t.last-t.lo
		t.hi, t.lo = t.hi-t.lo, 0
	}
	if t.hi == len(t.buf) {
		if int64(t.hi) > t.most {
			return lineError(t.ctx, t.d, t.passed, fmt.Errorf("the record has more than %d bytes (option MaxRecordBytes)", t.most))
		}
		b := t.grow(t.buf, 2*len(t.buf))
		if b == nil {
			return lineError(t.ctx, t.d, t.passed, fmt.Errorf("no memory for a record of more than %d bytes", t.hi))
		}
		t.buf = b
	}
	for !t.ended && t.hi < len(t.buf) {
		n, err := t.r.Read(t.buf[t.hi:])
		t.hi += n
		if err == io.EOF {
			t.ended = true
		} else if err != nil {
			return t.d.wrap(err)
		}
	}
	return nil
}

// next returns the next record, which must be an object. It is valid until the next call.
func (t *text) next() ([]byte, error) {
	for {
		rec, err := t.take()
		if err != errMore {
			return rec, err
		}
		if t.ended {
			t.last = t.lo
			return nil, t.fail(errMore)
		}
		if err := t.more(); err != nil {
			return nil, err
		}
	}
}

// take is next on what is read; errMore asks for more.
func (t *text) take() ([]byte, error) {
	b := t.buf[:t.hi]
	i := skipSpace(b, t.lo)
	if i == len(b) && !t.ended {
		t.lo = i
		return nil, errMore
	}
	if t.d.Form == Lines {
		return t.line(b, i)
	}
	t.last = i
	switch {
	case !t.inside && i < len(b): // the file begins with a bracket
		t.inside = true
		i = skipSpace(b, i+1)
		t.lo = i
	case !t.inside || i == len(b):
		return nil, t.fail(errors.New("the array is not closed"))
	}
	if i == len(b) {
		return nil, errMore
	}
	switch c := b[i]; {
	case c == ']':
		if j := skipSpace(b, i+1); j < len(b) {
			return nil, t.fail(fmt.Errorf("%q behind the array", show(b[j:])))
		}
		if !t.ended {
			return nil, errMore
		}
		return nil, io.EOF
	case c == ',' && !t.first:
		i = skipSpace(b, i+1)
	case !t.first:
		return nil, t.fail(fmt.Errorf("%q where a comma or a bracket belongs", show(b[i:])))
	}
	return t.object(b, i)
}

func (t *text) line(b []byte, i int) ([]byte, error) {
	if i == len(b) {
		return nil, io.EOF
	}
	t.last, t.lo = i, i
	if bytes.IndexByte(b[i:], '\n') < 0 && !t.ended {
		return nil, errMore
	}
	line := b[i:]
	if k := bytes.IndexByte(line, '\n'); k >= 0 {
		line = line[:k]
	}
	end, err := record(line)
	if err != nil {
		return nil, t.fail(err)
	}
	t.lo = i + len(line)
	return line[:end], nil
}

// record checks that a line is one object and returns its end.
func record(line []byte) (int, error) {
	if line[0] != '{' {
		return 0, fmt.Errorf("%q is no object", show(line))
	}
	end, err := skip(line, 0, 0)
	if err != nil {
		return 0, err
	}
	if j := skipSpace(line, end); j < len(line) {
		return 0, fmt.Errorf("%q behind the object", show(line[j:]))
	}
	return end, nil
}

// object takes an element of the array.
func (t *text) object(b []byte, i int) ([]byte, error) {
	t.last = i
	if i < len(b) && b[i] != '{' {
		return nil, t.fail(fmt.Errorf("%q is no object", show(b[i:])))
	}
	end, err := skip(b, i, 0)
	if err == errMore {
		return nil, errMore
	}
	if err != nil {
		return nil, t.fail(err)
	}
	t.lo, t.first = end, false
	return b[i:end], nil
}

// lineError names the file and the line of a byte of its text.
func lineError(ctx context.Context, d *File, at int64, err error) error {
	line := int64(1)
	f, e := d.Open(ctx)
	if e != nil {
		return d.wrap(err)
	}
	defer f.Close()
	r, done, e := codec.NewReader(f, d.Codec)
	if e != nil {
		return d.wrap(err)
	}
	defer done()
	buf := make([]byte, 64<<10)
	for at > 0 {
		n, e := r.Read(buf[:min(int64(len(buf)), at)])
		line += int64(bytes.Count(buf[:n], []byte{'\n'}))
		at -= int64(n)
		if e != nil {
			break
		}
	}
	return fmt.Errorf("%s:%d: %w", store.Name(d.Path), line, err)
}
