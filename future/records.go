package future

import (
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/internal/guard"
)

// Records are Arrow records of one schema as a value, which calls take and return, and which can be
// scattered: a stream of Arrow IPC.
//
//	table, err := future.NewRecords(recs...)
//	shared, err := future.Scatter(ctx, c, table)
//	sums := future.MapShared(c, sumOf, shared[0], columns) // func(ctx, With[Records, string]) (float64, error)
type Records struct{ Stream []byte }

// NewRecords copies records, at least one, into a value. Equal records have equal bytes, whatever made them: nothing of
// their buffers goes along that is no value.
//
// Errors:  no record, records of several schemas, arrays that are not valid.
func NewRecords(recs ...arrow.Record) (Records, error) {
	if len(recs) == 0 {
		return Records{}, errors.New("future: no records, and so no schema")
	}
	var b bytes.Buffer
	w, err := guard.NewIPCWriter(&b, recs[0].Schema(), guard.IPCWriteOptions{})
	for i := 0; err == nil && i < len(recs); i++ {
		var rec arrow.Record
		if rec, err = guard.Scrub(recs[i]); err == nil {
			err = w.Write(rec)
		}
	}
	if err == nil {
		err = w.Close()
	}
	return Records{b.Bytes()}, err
}

// All yields the records. They are valid, and belong to the garbage collector.
//
// Errors:  a stream that is cut off or broken, which ends them.
func (r Records) All() iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		x, err := guard.NewIPCStream(bytes.NewReader(r.Stream), guard.IPCOptions{Name: "records"})
		for err == nil {
			var rec arrow.Record
			if rec, err = x.Next(); err == nil && !yield(rec, nil) {
				return
			}
		}
		if err != io.EOF {
			yield(nil, err)
		}
	}
}
