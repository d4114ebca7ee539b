package data

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec of all other messages
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weft-data/weft/chunk"
)

// Fields of Flight's FlightData message.
const (
	fieldMetadata = 3
	fieldBody     = 1000
)

// An outFrame is a frame on its way out: its body is handed to the transport
// without a copy, and goes back to the pool when it was sent.
type outFrame struct {
	head []byte
	body *[]byte
}

// An inFrame is a frame that came in, its body aligned to 8 bytes.
type inFrame struct {
	head []byte
	body []byte
	buf  []uint64 // of body, used again
}

// A codec is protobuf, with a short way for frames.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*outFrame)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	h := protowire.AppendTag(make([]byte, 0, headSize+24), fieldMetadata, protowire.BytesType)
	h = protowire.AppendBytes(h, f.head)
	if f.body == nil {
		return mem.BufferSlice{mem.SliceBuffer(h)}, nil
	}
	h = protowire.AppendTag(h, fieldBody, protowire.BytesType)
	h = protowire.AppendVarint(h, uint64(len(*f.body)))
	return mem.BufferSlice{mem.SliceBuffer(h), mem.NewBuffer(f.body, mem.DefaultBufferPool())}, nil
}

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(d mem.BufferSlice, v any) error {
	f, ok := v.(*inFrame)
	if !ok {
		return c.CodecV2.Unmarshal(d, v)
	}
	f.head, f.body = f.head[:0], nil
	r := d.Reader()
	defer r.Close()
	for r.Remaining() > 0 {
		tag, err := binary.ReadUvarint(r)
		if err != nil {
			return corrupt("a field without a number")
		}
		n, err := binary.ReadUvarint(r)
		if err != nil || tag&7 != uint64(protowire.BytesType) || n > uint64(r.Remaining()) {
			return corrupt("field %d of a message with %d bytes left", tag>>3, r.Remaining())
		}
		if err := f.field(r, tag>>3, int(n)); err != nil {
			return err
		}
	}
	return nil
}

// field reads one field of a message.
func (f *inFrame) field(r *mem.Reader, num uint64, n int) error {
	switch num {
	case fieldMetadata:
		if n != headSize {
			return corrupt("a head of %d bytes, want %d", n, headSize)
		}
		f.head = append(f.head[:0], make([]byte, n)...)
		if _, err := io.ReadFull(r, f.head); err != nil {
			return fmt.Errorf("data: %w", err)
		}
	case fieldBody:
		if words := (n + 7) / 8; words > cap(f.buf) {
			f.buf = make([]uint64, words, words+words/4+16)
		}
		f.body = chunk.Bytes(f.buf[:cap(f.buf)])[:n]
		if _, err := io.ReadFull(r, f.body); err != nil {
			return fmt.Errorf("data: %w", err)
		}
	default:
		if _, err := r.Discard(n); err != nil {
			return fmt.Errorf("data: %w", err)
		}
	}
	return nil
}
