package data

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/weft-data/weft/internal/canon"
)

// A Ref names runs [Lo, Hi) of a block; Hi < 0 means all.
type Ref struct {
	Layer, Block int32
	Lo, Hi       int32
}

// A Ticket asks a worker for blocks of a job. It is good as long as the worker has
// the job: the secret it is signed with is drawn for the job, and known to those who
// work for it and to its client.
type Ticket struct {
	Life uint64 // of the worker's process: another one has other blocks
	Job  int32
	IPC  bool // the rows of all blocks as one Arrow stream, as any Flight client reads it
	// Speed is how many bytes a second the reader has measured to come when nothing is packed; 0: not known,
	// or to be measured. It is of the stream, and Get sets it.
	Speed int64
	Short bool  // the reader takes short batches, see short.go
	Proof Proof // see near.go; of the stream, too
	Refs  []Ref
	Sign  [sha256.Size]byte
}

// MaxRefs bounds a ticket.
const MaxRefs = 1 << 16

func (t *Ticket) encode() []byte {
	b, err := canon.Append(nil, *t)
	if err != nil {
		panic(fmt.Sprintf("data: a ticket that cannot be encoded: %v", err))
	}
	return b
}

// sum is the signature of the ticket without one (HMAC-SHA-256, RFC 2104).
func (t *Ticket) sum(secret string) (out [sha256.Size]byte) {
	bare := *t
	bare.Sign = out
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(bare.encode())
	h.Sum(out[:0])
	return out
}

// Bytes signs and encodes a ticket.
func (t *Ticket) Bytes(secret string) []byte {
	t.Sign = t.sum(secret)
	return t.encode()
}

// Signed reports whether the ticket was signed with a secret.
func (t *Ticket) Signed(secret string) bool {
	want := t.sum(secret)
	return secret != "" && hmac.Equal(t.Sign[:], want[:])
}

// ParseTicket decodes a ticket.
func ParseTicket(b []byte) (t Ticket, err error) {
	if len(b) > maxTicket {
		return t, fmt.Errorf("data: a ticket of %d bytes, at most %d blocks may be asked for", len(b), MaxRefs)
	}
	if err := canon.Decode(b, &t); err != nil {
		return t, fmt.Errorf("data: ticket: %w", err)
	}
	if len(t.Refs) > MaxRefs {
		return t, fmt.Errorf("data: a ticket for %d blocks, at most %d are allowed", len(t.Refs), MaxRefs)
	}
	return t, nil
}
