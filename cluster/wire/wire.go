// Package wire has the words of the cluster's control plane. A message on a stream
// is a frame of many records, so that a record costs nanoseconds and not a message.
//
//	frame   8 bytes sequence number, 8 bytes acknowledged, then records
//	record  1 byte kind, then the fields of the kind: numbers as varints, text and data with a length
//
// Parsing never panics, never allocates more than the frame is long, and refuses
// what it does not know: both sides have agreed on a version before.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weft-data/weft/internal/varint"
)

// Version is spoken by this build; Oldest is the oldest it understands.
const (
	Version = 14
	Oldest  = 14
)

// Limits of the control plane.
const (
	MaxFrame = 4 << 20 // bytes of a frame
	MaxPart  = 1 << 20 // bytes of text or data in a record: longer ones go in parts
	MaxPlan  = 1 << 30 // bytes of a plan, all parts together
	header   = 16
)

// Kind says what a record is about.
type Kind uint8

// The kinds, with the fields that count. Hello and Refused keep their numbers and fields in every version of the protocol, so
// that those who have no common one can say so.
const (
	// To the scheduler, from workers.
	Hello       Kind = iota + 1 // Data: see Greeting
	Done                        // Job Layer Block Attempt Bytes Rows Nanos Data: a block was made; Data is a small result itself
	Failed                      // Job Layer Block Attempt Class Flag Text: Flag if it may be tried again
	FetchFailed                 // Job Layer Block Attempt DepLayer DepBlock Worker Text: Worker did not have an input
	Returned                    // Job Layer Block Attempt: was not started
	Started                     // Job Layer Block Attempt
	Held                        // Job Layer Block Bytes Rows: is here from an earlier session
	Running                     // Job Layer Block Flag: goes on from an earlier session; Flag: it is away, and says so again when it has a new attempt
	Listed                      // all that was to be said of earlier sessions has been said
	Mem                         // Bytes, Rows (spilled), Flag: paused
	Moved                       // Worker Session Bytes Nanos: of blocks, so many bytes came from it since this was last said, in so long
	Copied                      // Job Layer Block Bytes Rows Flag: has a copy now; not Flag: could not get it
	Retire                      // asks to leave: give it nothing more, and take what only it has; a client does not come back
	Want                        // Job Layer Block Worker: waits for a block that the client gives; to clients, that Worker does
	// From the scheduler, to workers.
	Welcome  // Worker Session Data: see Greeting
	Refused  // Class Text
	Plan     // Job Bytes Text Data: a part of a plan of Bytes bytes; Text is the secret of its tickets
	Size     // Job Layer N: a late layer has so many blocks
	Cut      // Job Layer Block: a layer is cut by the one of its cuts with that number
	Peer     // Worker Session Life Text: where a worker gives its blocks
	Where    // Job Layer Block N Worker: so many blocks from Block on are at Worker
	Run      // Job Layer Block N Attempt Flag: make blocks; Flag: alone
	Free     // Job Layer Block N
	Return   // Job Layer Block Attempt: give back what has not started
	Halt     // Job Layer Block Attempt: end one task, queued or running: it was withdrawn
	Complete // Job Layer: all blocks of a layer have been made
	Stop     // Job Text: it failed or was cancelled
	Closed   // Job: forget it; to clients: none of its tasks runs any more
	Copy     // Job Layer Block Worker: get a block from a worker that leaves
	Retired  // go
	// To the scheduler, from clients.
	Submit   // Block (a number of the client's) Bytes Data: a part of a plan
	Consumed // Job Block N
	Missing  // Job Block Worker Session: was not there
	Cancel   // Job
	Withdraw // Job Block N: these blocks are given up, and what reads them
	Attach   // Job: go on telling about it; Read follows
	Read     // Job Block N: was read before
	Find     // Text Flag: where a dataset is; Flag: let it go
	Ask      // for the state of the scheduler
	// From the scheduler, to clients.
	Accepted // Job Block Text: the client's number, and the secret of its tickets
	Deliver  // Job Block Worker Rows Data: is at Worker, or is Data
	Progress // Job Bytes Data: a part of how far it is
	Finished // Job
	Fail     // Job Class Text
	State    // Bytes Data: a part of an answer to Ask, in JSON
	Found    // Text Bytes Data: a part of an answer to Find
	// To the scheduler, from workers, after Refused, which keeps its number.
	Away // Job Layer Block Attempt: it waits for other tasks, and takes no place until Back or its end
	Back // Job Layer Block Attempt
	// Both ways.
	Ping // Nanos: answered with Pong
	Pong // Nanos
	last
)

const (
	fJob = 1 << iota
	fLayer
	fBlock
	fN
	fAttempt
	fWorker
	fSession
	fLife
	fBytes
	fRows
	fNanos
	fClass
	fFlag
	fDep
	fText
	fData
)

const task = fJob | fLayer | fBlock | fAttempt

var fields = [last]uint32{
	Hello: fData, Done: task | fBytes | fRows | fNanos | fData, Failed: task | fClass | fFlag | fText,
	FetchFailed: task | fDep | fWorker | fText, Returned: task, Started: task, Held: fJob | fLayer | fBlock | fBytes | fRows,
	Running: fJob | fLayer | fBlock | fFlag, Away: task, Back: task, Listed: 0, Attach: fJob, Read: fJob | fBlock | fN,
	Find: fText | fFlag, Found: fText | fBytes | fData,
	Mem: fBytes | fRows | fFlag, Moved: fWorker | fSession | fBytes | fRows | fNanos, Retire: 0, Want: fJob | fLayer | fBlock | fWorker, Copied: fJob | fLayer | fBlock | fBytes | fRows | fFlag, Copy: fJob | fLayer | fBlock | fWorker,
	Welcome: fWorker | fSession | fData, Refused: fClass | fText, Plan: fJob | fBytes | fText | fData, Size: fJob | fLayer | fN, Cut: fJob | fLayer | fBlock,
	Peer: fWorker | fSession | fLife | fText, Where: fJob | fLayer | fBlock | fN | fWorker, Run: task | fN | fFlag,
	Free: fJob | fLayer | fBlock | fN, Return: task, Halt: task, Withdraw: fJob | fBlock | fN, Complete: fJob | fLayer, Stop: fJob | fText, Closed: fJob, Retired: 0,
	Submit: fBlock | fBytes | fData, Consumed: fJob | fBlock | fN, Missing: fJob | fBlock | fWorker | fSession, Cancel: fJob,
	Accepted: fJob | fBlock | fText, Deliver: fJob | fBlock | fWorker | fRows | fData, Progress: fJob | fBytes | fData, Finished: fJob,
	Fail: fJob | fClass | fText, Ask: 0, State: fBytes | fData, Ping: fNanos, Pong: fNanos,
}

// A Record is one thing said. Fields that its kind does not have are zero.
type Record struct {
	Kind     Kind
	Class    uint8
	Flag     bool
	Job      int32
	Layer    int32
	Block, N int32
	Attempt  uint32
	Worker   int32
	Session  uint32
	Life     uint64 // of a process
	DepLayer int32
	DepBlock int32
	Bytes    int64
	Rows     int64
	Nanos    int64
	Text     string
	Data     []byte
}

// Append encodes r at the end of dst. Text beyond MaxPart is cut.
func Append(dst []byte, r *Record) []byte {
	f := fields[r.Kind]
	dst = append(dst, byte(r.Kind))
	num := func(bit uint32, v int64) {
		if f&bit != 0 {
			dst = binary.AppendVarint(dst, v)
		}
	}
	num(fJob, int64(r.Job))
	num(fLayer, int64(r.Layer))
	num(fBlock, int64(r.Block))
	num(fN, int64(r.N))
	num(fAttempt, int64(r.Attempt))
	num(fWorker, int64(r.Worker))
	num(fSession, int64(r.Session))
	num(fLife, int64(r.Life))
	num(fBytes, r.Bytes)
	num(fRows, r.Rows)
	num(fNanos, r.Nanos)
	if f&(fClass|fFlag) != 0 {
		dst = append(dst, r.Class<<1|flag(r.Flag))
	}
	if f&fDep != 0 {
		dst = binary.AppendVarint(dst, int64(r.DepLayer))
		dst = binary.AppendVarint(dst, int64(r.DepBlock))
	}
	if f&fText != 0 {
		t := r.Text[:min(len(r.Text), MaxPart)]
		dst = append(binary.AppendUvarint(dst, uint64(len(t))), t...)
	}
	if f&fData != 0 {
		dst = append(binary.AppendUvarint(dst, uint64(len(r.Data))), r.Data...)
	}
	return dst
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// ErrBroken is the error of bytes that are no records.
var ErrBroken = errors.New("wire: the bytes break the protocol")

// Next decodes the first record of b into r and returns the rest. Data stays part
// of b.
func Next(b []byte, r *Record) (rest []byte, err error) {
	if len(b) == 0 || Kind(b[0]) >= last || b[0] == 0 {
		return nil, fmt.Errorf("%w: no record begins with %.1x", ErrBroken, b)
	}
	c := cursor{varint.Reader{B: b[1:]}}
	*r = Record{Kind: Kind(b[0])}
	f := fields[r.Kind]
	num := func(bit uint32) int64 {
		if f&bit == 0 {
			return 0
		}
		return c.Signed()
	}
	r.Job, r.Layer, r.Block, r.N = c.i32(num(fJob)), c.i32(num(fLayer)), c.i32(num(fBlock)), c.i32(num(fN))
	r.Attempt, r.Worker, r.Session = c.u32(num(fAttempt)), c.i32(num(fWorker)), c.u32(num(fSession))
	r.Life = uint64(num(fLife))
	r.Bytes, r.Rows, r.Nanos = num(fBytes), num(fRows), num(fNanos)
	if f&(fClass|fFlag) != 0 {
		x := c.byte()
		r.Class, r.Flag = x>>1, x&1 != 0
	}
	if f&fDep != 0 {
		r.DepLayer, r.DepBlock = c.i32(c.Signed()), c.i32(c.Signed())
	}
	if f&fText != 0 {
		r.Text = string(c.bytes())
	}
	if f&fData != 0 {
		r.Data = c.bytes()
	}
	if c.Bad {
		return nil, fmt.Errorf("%w: a record of kind %d ends early or is out of range", ErrBroken, r.Kind)
	}
	return c.B, nil
}

// A cursor reads the fields of a record.
type cursor struct{ varint.Reader }

func (c *cursor) i32(v int64) int32 {
	c.Bad = c.Bad || v != int64(int32(v))
	return int32(v)
}

func (c *cursor) u32(v int64) uint32 {
	c.Bad = c.Bad || v != int64(uint32(v))
	return uint32(v)
}

func (c *cursor) byte() byte {
	if len(c.B) == 0 {
		c.Bad = true
		return 0
	}
	x := c.B[0]
	c.B = c.B[1:]
	return x
}

func (c *cursor) bytes() []byte {
	n := c.Unsigned()
	c.Bad = c.Bad || n > MaxPart
	return c.Bytes(n)
}

// Frame begins a frame. Records are appended to it.
func Frame(dst []byte, seq, ack uint64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	return binary.LittleEndian.AppendUint64(dst, ack)
}

// Open takes a frame apart.
func Open(b []byte) (seq, ack uint64, records []byte, err error) {
	if len(b) < header || len(b) > MaxFrame {
		return 0, 0, nil, fmt.Errorf("%w: a frame of %d bytes, want %d to %d", ErrBroken, len(b), header, MaxFrame)
	}
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), b[header:], nil
}

// Parts calls f with a copy of r for each part of data, at least once.
func Parts(r Record, data []byte, f func(*Record)) {
	r.Bytes = int64(len(data))
	for {
		n := min(len(data), MaxPart)
		r.Data, data = data[:n], data[n:]
		f(&r)
		if len(data) == 0 {
			return
		}
	}
}

// A Whole puts the parts of data together.
type Whole struct {
	b    []byte
	size int64 // as the first part says
}

// Size returns how many bytes the data have of which parts have come.
func (w *Whole) Size() int64 { return w.size }

// Add takes a part and returns the data once it is complete.
func (w *Whole) Add(r *Record) ([]byte, error) {
	if len(w.b) == 0 {
		w.size = r.Bytes
	}
	if r.Bytes != w.size || r.Bytes < 0 || r.Bytes > MaxPlan || int64(len(w.b)+len(r.Data)) > r.Bytes {
		return nil, fmt.Errorf("%w: %d bytes of a plan of %d, at most %d are allowed", ErrBroken, len(w.b)+len(r.Data), r.Bytes, MaxPlan)
	}
	w.b = append(w.b, r.Data...)
	if int64(len(w.b)) < r.Bytes {
		return nil, nil
	}
	b := w.b
	if b == nil {
		b = []byte{}
	}
	*w = Whole{}
	return b, nil
}
