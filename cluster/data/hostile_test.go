package data

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/dtype"
)

// A teller answers tickets with whatever it likes.
func teller(t *testing.T, says func(c *conn, tk Ticket) error) (addr string, p *Peers) {
	lis := listen(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			raw, err := lis.Accept()
			if err != nil {
				return
			}
			c := newConn(raw)
			var h head
			_, err = io.CopyN(io.Discard, c.in, int64(len(greeting)))
			if err == nil {
				err = c.head(&h)
			}
			var b []byte
			if err == nil {
				b, err = c.text(&h, maxTicket)
			}
			var tk Ticket
			if err == nil {
				tk, err = ParseTicket(b)
			}
			if err == nil {
				_ = says(c, tk) // the reader may have had enough before
			}
			_ = c.Close()
		}
	})
	p = NewPeers(insecure.NewCredentials(), 5*time.Second)
	t.Cleanup(func() {
		_ = p.Close()
		_ = lis.Close()
		wg.Wait()
	})
	return lis.Addr().String(), p
}

// liar answers every ticket with the same frames, and ends the connection.
func liar(t *testing.T, says ...[]byte) (addr string, p *Peers) {
	return teller(t, func(c *conn, _ Ticket) error {
		_, err := c.Write(bytes.Join(says, nil))
		return err
	})
}

// lie is a frame whose checksums are right.
func lie(h head, part []byte) []byte {
	return append(h.over(part).append(nil), part...)
}

// TestHostileAnswers: a worker that says what is not so, with right checksums, is found
// out, and has nobody panic, hang or ask for memory without bound.
func TestHostileAnswers(t *testing.T) {
	wide := make(dtype.Schema, 400)
	for i := range wide {
		wide[i] = dtype.Field{Name: "x", Type: dtype.Of([]dtype.Kind{dtype.Int64, dtype.Utf8, dtype.Bool, dtype.Null}[i%4]), Nullable: true}
	}
	huge := []byte{1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 127} // flags, and how many bytes of text
	none := dtype.Schema{}
	for _, c := range []struct {
		name   string
		schema dtype.Schema
		says   [][]byte
	}{
		{"nothing", schema, nil},
		{"rows without a body", schema, [][]byte{lie(head{kind: kindBatch, align: 8, rows: 1<<31 - 1}, []byte{})}},
		{"rows of 400 columns", wide, [][]byte{lie(head{kind: kindBatch, align: 8, rows: 1 << 30, body: 16}, huge)}},
		{"rows of one column", wide[:1], [][]byte{lie(head{kind: kindBatch, align: 8, rows: 1 << 30, body: 16}, make([]byte, 16))}},
		{"text without end", wide[1:2], [][]byte{lie(head{kind: kindBatch, align: 8, rows: 1, body: 16}, huge)}},
		{"parts that are not aligned", schema, [][]byte{lie(head{kind: kindBatch, align: 0, rows: 1, body: 16}, huge)}},
		{"parts that are aligned by 3", schema, [][]byte{lie(head{kind: kindBatch, align: 3, rows: 1, body: 16}, huge)}},
		{"a dictionary that is not aligned", schema, [][]byte{lie(head{kind: kindDict, align: 0, rows: 1, body: 16}, huge)}},
		{"a dictionary of many values", schema, [][]byte{lie(head{kind: kindDict, align: 8, rows: 1<<31 - 1, body: 16}, huge)}},
		{"a body that does not come", schema, [][]byte{lie(head{kind: kindBatch, align: 8, rows: 1, body: maxBody}, huge)}},
		{"a body beyond the bound", schema, [][]byte{lie(head{kind: kindBatch, align: 8, rows: 1, body: 1<<32 - 1}, huge)}},
		{"more than was announced", schema, [][]byte{lie(head{kind: kindBatch, align: 8, rows: 1, body: 8}, huge)}},
		{"more of nothing", schema, [][]byte{lie(head{kind: kindMore, align: 8, body: 16}, huge)}},
		{"a run that was not asked for", none, [][]byte{lie(head{kind: kindBatch, align: 8, run: 1 << 31}, []byte{})}},
		{"runs without end", none, [][]byte{lie(head{kind: kindEnd, run: 1<<32 - 1}, []byte{})}},
		{"another block", none, [][]byte{lie(head{kind: kindEnd, ref: 5}, []byte{})}},
		{"an end that counts wrong", none, [][]byte{lie(head{kind: kindEnd, rows: 1 << 63}, []byte{})}},
		{"the end of the stream too early", none, [][]byte{lie(head{kind: kindFin}, []byte{})}},
		{"a kind that is none", none, [][]byte{lie(head{kind: 77}, []byte{})}},
		{"a part beyond the bound", schema, [][]byte{lie(head{kind: kindBatch, align: 8, rows: 1, body: maxBody}, make([]byte, partBytes+1))}},
		{"a part that does not come", schema, [][]byte{(&head{kind: kindBatch, align: 8, rows: 1, body: 1 << 20, part: partBytes}).append(nil)}},
		{"a reason without end", schema, [][]byte{lie(head{kind: kindFail}, make([]byte, maxReason+1))}},
		{"a ticket", schema, [][]byte{lie(head{kind: kindAsk}, nil)}},
		{"a head that is none", none, [][]byte{make([]byte, headSize)}},
		{"a short head", none, [][]byte{make([]byte, 7)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, p := liar(t, c.says...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			err := p.Get(ctx, addr, "", &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{c.schema}, &catcher{})
			runtime.ReadMemStats(&after)
			var failed *FetchError
			if !errors.Is(err, ErrCorrupt) || !errors.As(err, &failed) {
				t.Error(err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 3*maxBody {
				t.Errorf("%d bytes were allocated", n)
			}
		})
	}
}
