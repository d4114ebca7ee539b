package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// full is a record with every field set that its kind has.
func full(k Kind) Record {
	f := fields[k]
	r := Record{Kind: k}
	set := func(bit uint32, do func()) {
		if f&bit != 0 {
			do()
		}
	}
	set(fJob, func() { r.Job = 1 << 30 })
	set(fLayer, func() { r.Layer = 7 })
	set(fBlock, func() { r.Block = -1 })
	set(fN, func() { r.N = 1000 })
	set(fAttempt, func() { r.Attempt = 1<<32 - 1 })
	set(fWorker, func() { r.Worker = 65535 })
	set(fSession, func() { r.Session = 9 })
	set(fLife, func() { r.Life = 1<<64 - 2 })
	set(fBytes, func() { r.Bytes = 1 << 60 })
	set(fRows, func() { r.Rows = -3 })
	set(fNanos, func() { r.Nanos = 12345678 })
	set(fClass, func() { r.Class = 5 })
	set(fFlag, func() { r.Flag = true })
	set(fDep, func() { r.DepLayer, r.DepBlock = 3, 4 })
	set(fText, func() { r.Text = "päth" })
	set(fData, func() { r.Data = []byte{0, 1, 255} })
	return r
}

func TestEveryKindComesBack(t *testing.T) {
	var b []byte
	var want []Record
	for k := Kind(1); k < last; k++ {
		if fields[k] == 0 && k != Retire && k != Retired && k != Ask && k != Listed {
			t.Errorf("kind %d has no fields: is it in the table?", k)
		}
		r := full(k)
		want = append(want, r)
		b = Append(b, &r)
	}
	for i := 0; len(b) > 0; i++ {
		var r Record
		var err error
		if b, err = Next(b, &r); err != nil {
			t.Fatal(i+1, err)
		}
		if !reflect.DeepEqual(r, want[i]) {
			t.Errorf("%+v, want %+v", r, want[i])
		}
	}
}

func TestPartsMakeAWhole(t *testing.T) {
	for _, n := range []int{0, 1, MaxPart, MaxPart + 1, 3*MaxPart + 17} {
		data := bytes.Repeat([]byte{7}, n)
		var w Whole
		var got []byte
		parts := 0
		Parts(Record{Kind: Plan}, data, func(r *Record) {
			parts++
			b, err := w.Add(r)
			if err != nil {
				t.Fatal(n, err)
			}
			if b != nil {
				got = b
			}
		})
		if got == nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes in %d parts came back as %d", n, parts, len(got))
		}
	}
	var w Whole
	if _, err := w.Add(&Record{Bytes: MaxPlan + 1}); !errors.Is(err, ErrBroken) {
		t.Error("a plan beyond the limit:", err)
	}
	if _, err := w.Add(&Record{Bytes: 1, Data: []byte("ab")}); !errors.Is(err, ErrBroken) {
		t.Error("more than was announced:", err)
	}
}

func FuzzRecords(f *testing.F) {
	for k := Kind(1); k < last; k++ {
		r := full(k)
		f.Add(Append(nil, &r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			var r Record
			rest, err := Next(b, &r)
			if err != nil {
				return
			}
			again := Append(nil, &r)
			var r2 Record
			if left, err := Next(again, &r2); err != nil || len(left) > 0 || !reflect.DeepEqual(r, r2) {
				t.Fatalf("%+v came back as %+v, %v", r, r2, err)
			}
			b = rest
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, n := range []int{0, 15, MaxFrame + 1} {
		if _, _, _, err := Open(make([]byte, n)); !errors.Is(err, ErrBroken) {
			t.Errorf("a frame of %d bytes: %v", n, err)
		}
	}
	seq, ack, rest, err := Open(append(Frame(nil, 5, 6), 1, 2))
	if seq != 5 || ack != 6 || len(rest) != 2 || err != nil {
		t.Error(seq, ack, rest, err)
	}
}

func BenchmarkDone(b *testing.B) {
	r := Record{Kind: Done, Job: 5, Block: 1000, Attempt: 77777, Bytes: 16, Rows: 1, Nanos: 500}
	buf := make([]byte, 0, 64)
	var out Record
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], &r)
		if _, err := Next(buf, &out); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWordsOfAllVersions: who speaks another version of the protocol can be told so, since these bytes stay as they are.
func TestWordsOfAllVersions(t *testing.T) {
	hi := Encode(Greeting{Version: 9, Oldest: 8, Name: "x"})
	if v, o, err := Spoken(hi); v != 9 || o != 8 || err != nil || hi[0] != 9 || hi[8] != 8 {
		t.Error(v, o, err, hi[:16])
	}
	if _, _, err := Spoken(hi[:15]); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	for want, r := range map[string]*Record{"\x01\x02hi": {Kind: Hello, Data: []byte("hi")}, "\x10\x02\x02no": {Kind: Refused, Class: BadVersion, Text: "no"}} {
		if got := string(Append(nil, r)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
