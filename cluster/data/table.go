package data

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// AppendTable encodes batches as frames of one part, for tables that travel within a
// plan: none may have 4 GiB.
func AppendTable(dst []byte, batches []*chunk.Batch) []byte {
	sent := map[uint64]bool{}
	put := func(h head, b *chunk.Batch) {
		h.align = byte(aligned(b))
		var body []byte
		_ = b.Write(int(h.align), func(x []byte) error { body = append(body, x...); return nil })
		_, codes := b.Written(int(h.align))
		h.body, h.codes = uint32(len(body)), uint32(codes)
		dst = append(h.over(body).append(dst), body...)
	}
	for i, b := range batches {
		for c := range b.Cols {
			if d := b.Cols[c].Dict; d != nil && !sent[d.ID] {
				sent[d.ID] = true
				put(head{kind: kindDict, rows: uint64(d.Values.N), seq: d.ID}, &chunk.Batch{Cols: []chunk.Vec{d.Values}, N: d.Values.N})
			}
		}
		put(head{kind: kindBatch, ref: uint32(i), rows: uint64(b.N), seq: b.Seq}, b)
	}
	h := head{kind: kindFin, ref: uint32(len(batches))}
	return h.over(nil).append(dst)
}

// ParseTable decodes what AppendTable made; the batches borrow b, which must be
// aligned to 8 bytes or is copied.
func ParseTable(b []byte, schema dtype.Schema) (out []*chunk.Batch, err error) {
	words := make([]uint64, (len(b)+7)/8)
	copy(chunk.Bytes(words), b)
	b = chunk.Bytes(words)[:len(b)]
	d := &decoder{}
	for {
		if len(b) < headSize {
			return nil, corrupt("a table that ends within a frame")
		}
		var h head
		if err := h.peek(b[:headSize]); err != nil {
			return nil, err
		}
		if h.pack != asIs || uint64(h.body) > uint64(len(b)-headSize) {
			return nil, corrupt("a frame of %d bytes with %d left", h.body, len(b)-headSize)
		}
		body := b[headSize : headSize+int(h.body) : headSize+int(h.body)]
		if err := h.check(body); err != nil {
			return nil, err
		}
		b = b[headSize+int(h.body):]
		switch {
		case h.kind == kindDict:
			err = d.dict(&h, h.split(body))
		case h.kind == kindBatch && int(h.ref) == len(out):
			var x *chunk.Batch
			x, err = (&decoder{dicts: d.dicts}).rows(&h, schema, h.split(body))
			out = append(out, x)
		case h.kind == kindFin && int(h.ref) == len(out) && len(b) == 0:
			return out, nil
		default:
			err = corrupt("frame of kind %d after %d batches, %d bytes left", h.kind, len(out), len(b))
		}
		if err != nil {
			return nil, err
		}
	}
}
