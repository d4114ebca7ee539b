package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/weft-data/weft/internal/canon"
)

// A Greeting is what workers and clients say first. The versions are its first fields in every version of
// the protocol, see Spoken.
type Greeting struct {
	Version, Oldest int32
	Build           string   // of the program, for logs
	Book            [32]byte // digest of the operators and functions it has
	Listing         []string // what was digested
	Name            string
	Life            uint64 // of the process: another one has other blocks and jobs
	Cluster         uint64 // it was with before, see Reply; 0 for none
	Data            string // address where a worker gives its blocks
	Slots, Queue    int32
	Memory          int64
	Labels          []string
	Resources       []string // NAME=N
}

// Spoken returns the versions of a greeting, also of one whose other fields are not those of this build.
func Spoken(b []byte) (version, oldest int32, err error) {
	var v struct{ Version, Oldest int32 }
	err = Decode(b[:min(len(b), 2*8)], &v)
	return v.Version, v.Oldest, err
}

// Count returns how many elements the list has that encoded data begin with, 0 if there is none.
func Count(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	n := binary.LittleEndian.Uint64(b)
	if n == math.MaxUint64 {
		return 0
	}
	return n
}

// A Reply is the scheduler's answer: what a client must know to plan.
type Reply struct {
	Version int32
	Cluster uint64 // what was accepted by a scheduler of the same cluster is remembered
	Epoch   uint64 // rises with every scheduler of a cluster: a lower one has been replaced
	Durable bool   // the scheduler keeps a log, so that it is worth waiting for it to come back
	Beat    int64  // nanoseconds between signs of life
	Workers int32
	Threads int32 // of one worker, the least
	Memory  int64 // of one worker, the least; 0 means no limit
	Slots   int32 // of all workers
}

// Encode returns the canonical bytes of plain data.
func Encode(v any) []byte {
	b, err := canon.Append(nil, v)
	if err != nil {
		panic(fmt.Sprintf("wire: %T cannot be encoded: %v", v, err))
	}
	return b
}

// Decode reads canonical bytes into v.
func Decode(b []byte, v any) error {
	if err := canon.Decode(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}

// Reasons of a refusal (Record.Class of Refused).
const (
	BadVersion = iota + 1 // no common version of the protocol
	BadBook               // other operators or functions
	BadRole               // the certificate is for something else
	BadName               // a live worker has this name
	NotReady              // the scheduler ends
)

// A Refusal is the error of whoever was not let in.
type Refusal struct {
	Reason uint8
	Text   string
}

func (r *Refusal) Error() string { return r.Text }
