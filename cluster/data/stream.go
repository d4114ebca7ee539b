package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow/flight"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/guard"
)

// ipcBytes is about how many bytes a record of an Arrow stream has.
const ipcBytes = 4 << 20

// stream answers a ticket as Flight clients of other programs read it: the messages
// of one Arrow stream, metadata and buffers apart. Dictionaries are decoded.
func (s *server) stream(t *Ticket, st flight.FlightService_DoGetServer) (err error) {
	if len(t.Refs) == 0 {
		return wordError(0, ErrGone)
	}
	schema, err := s.store.Schema(t, t.Refs[0].Layer)
	if err != nil {
		return wordError(0, err)
	}
	to := &messages{st: st}
	as := chunk.ToArrowSchema(schema)
	w, err := guard.NewIPCWriter(to, as, guard.IPCWriteOptions{})
	if err != nil {
		return wordError(0, err)
	}
	for i, r := range t.Refs {
		if err := s.records(t, r, func(b *chunk.Batch) error {
			rec, err := chunk.ToRecord(as, schema, b)
			if err == nil {
				err = w.Write(rec)
			}
			return errors.Join(err, to.flush())
		}); err != nil {
			return wordError(i, err)
		}
	}
	if err = w.Close(); err == nil && !to.begun { // no row: the schema alone
		_, err = to.first()
	}
	if err != nil {
		return wordError(0, err)
	}
	return nil
}

// records calls f for the batches of a block, cut to about ipcBytes.
func (s *server) records(t *Ticket, r Ref, f func(*chunk.Batch) error) error {
	v, back, err := s.store.Lend(t, r)
	if err != nil {
		return err
	}
	defer back()
	for run := range v.Runs() {
		in, err := v.Open(run)
		if err != nil {
			return err
		}
		for err == nil {
			var b *chunk.Batch
			if b, err = in.Next(); err == nil {
				err = pieces(b, f)
			}
		}
		if e := in.Close(); err == io.EOF {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func pieces(b *chunk.Batch, f func(*chunk.Batch) error) error {
	step := max(64, int(int64(b.N)*ipcBytes/max(1, b.Bytes()))/64*64)
	for lo := 0; lo < b.N; lo += step {
		part := b
		if step < b.N {
			part = b.Slice(lo, min(lo+step, b.N))
		}
		if err := f(part); err != nil {
			return err
		}
	}
	return nil
}

// Messages turn an Arrow stream into the messages of Flight: a prefix of 8 bytes
// (4 of them 0xff, then the length of the metadata), metadata, buffers.
type messages struct {
	st    flight.FlightService_DoGetServer
	b     bytes.Buffer
	begun bool
}

// Write implements io.Writer.
func (m *messages) Write(p []byte) (int, error) { return m.b.Write(p) }

// flush sends what was written: the schema, the first time, and a record.
func (m *messages) flush() (err error) {
	b := m.b.Bytes()
	if !m.begun {
		if b, err = m.first(); err != nil {
			return err
		}
	}
	n := 8 + int(binary.LittleEndian.Uint32(b[4:]))
	err = m.st.Send(&flight.FlightData{DataHeader: b[8:n], DataBody: b[n:]})
	m.b.Reset()
	return err
}

// first sends the schema and returns what follows it.
func (m *messages) first() (rest []byte, err error) {
	b := m.b.Bytes()
	n := 8 + int(binary.LittleEndian.Uint32(b[4:]))
	m.begun = true
	return b[n:], m.st.Send(&flight.FlightData{DataHeader: b[8:n]})
}
