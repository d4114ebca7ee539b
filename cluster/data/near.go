package data

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
)

// Between processes of one machine a large body does not go through the connection. Its frames
// say where the buffers lie in the memory of the sender, and the reader has the system copy
// them from there to where they stay: once, not twice, and with nobody in between to be woken.
//
//   - The reader offers that in its ticket, if both ends of the connection have the same address: with
//     bytes it has drawn for the stream. The sender keeps them in its memory, with its ends of the connection,
//     and says first of all which process it is, and where they are. Only a reader that finds them there
//     is on the same machine, may read that process, and has nobody in between who sends it to a
//     process of others. Who does not find them asks again, and offers nothing to that address any more.
//   - A part that lies elsewhere is a list in place of bytes: pieces, each a length, an address and a checksum, or a length
//     and the bytes where they are few. The checksum of the part is that of the list. A piece is a strip of a buffer, or all of it: its
//     checksum is kept with the block (chunk.Sums), so that it is that of what was stored. The reader compares it with
//     what it has copied while that is in the cache of its processor.
//   - What lies in the memory of the sender stays until the reader has said that it has it
//     (taken; the sender asks for that now and then), or the connection has ended. A reader that hears no end of the block drops it.
//   - A sender whose memory is not what it was is not read any more: what it has comes through the connection,
//     with the same checksums.
const (
	leastNear = 128 << 10 // bytes of a body; one more exchange of words costs as much as copying a shorter one
	mostList  = 64 << 10
	longList  = mostList - chunk.LeastSum - 4 // with one piece more it is not beyond the bound
	fewBytes  = 1 << 31                       // flag of a length: the bytes follow, not an address
	nearAhead = 4 << 20                       // bytes that are announced with one write
	nearOwed  = 16 << 20                      // bytes that were announced when the sender waits for the reader
)

// A Proof is what a reader draws for a stream and then looks for; none: it offers nothing.
type Proof [16]byte

// A mark is what the memory of the sender has: the proof, and the ports of the sender and of the reader.
type mark [len(Proof{}) + 4]byte

func newMark(p Proof, ours, peer net.Addr) *mark {
	port := func(a net.Addr) uint16 {
		t, _ := a.(*net.TCPAddr)
		if t == nil {
			return 0
		}
		return uint16(t.Port)
	}
	m := mark(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(p[:], port(ours)), port(peer)))
	return &m
}

// within reports whether both ends of a connection are on one machine, as far as addresses say.
func within(c net.Conn) bool {
	a, ok := c.LocalAddr().(*net.TCPAddr)
	b, too := c.RemoteAddr().(*net.TCPAddr)
	return ok && too && a.IP.Equal(b.IP)
}

// offer draws the proof of a stream; none where its other end is elsewhere, or cannot be read.
func (p *Peers) offer(c *conn, w *way) (drawn Proof) {
	p.mu.Lock()
	far := w.far
	p.mu.Unlock()
	if mem.CanPeek && !far && within(c) {
		_, _ = rand.Read(drawn[:]) // never fails
	}
	return drawn
}

// part has nothing offered to an address any more.
func (p *Peers) part(w *way) { p.mu.Lock(); w.far = true; p.mu.Unlock() }

// blame counts a stream that was not as it was sent. Where the memory of the sender was read, it is not read any more.
func (p *Peers) blame(w *way, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.broken++
	w.far = w.far || errors.Is(err, errSpoiled)
}

// errFar says that the memory of the sender cannot be read.
var errFar = errors.New("data: the process that has the blocks cannot be read")

// says is how many bytes the sender says where to look in: the process, and the address.
const says = 4 + 8

// greet answers an offer: from now on bodies may stay where they lie.
func (w *writer) greet(p Proof) error {
	w.near, w.mark = true, newMark(p, w.c.LocalAddr(), w.c.RemoteAddr())
	w.pin.Pin(w.mark)
	text := make([]byte, says)
	binary.LittleEndian.PutUint32(text, uint32(os.Getpid()))
	binary.LittleEndian.PutUint64(text[4:], mem.Address(w.mark[:]))
	if err := w.reserve(headSize + says); err != nil {
		return err
	}
	*w.room = append((&head{kind: kindNear}).over(text).append(*w.room), text...)
	return w.added(headSize + says)
}

// meet looks for the proof where the sender says it is.
func (g *getter) meet(c *conn, h *head) error {
	if g.heard || g.pid != 0 || g.drawn == (Proof{}) {
		return corrupt("the sender tells where it lies, and was not asked")
	}
	text, err := c.text(h, says)
	if err != nil {
		return err
	}
	if len(text) != says {
		return corrupt("the sender says where it lies in %d bytes", len(text))
	}
	want, found := newMark(g.drawn, c.RemoteAddr(), c.LocalAddr()), mark{}
	pid := int(binary.LittleEndian.Uint32(text))
	if err := mem.Peek(pid, [][]byte{found[:]}, []uint64{binary.LittleEndian.Uint64(text[4:])}); err != nil || found != *want {
		return errFar
	}
	g.pid = pid
	return nil
}

// few adds a piece to the list of the part that is being filled, with its bytes.
func (p *parts) few(b []byte) {
	le, w := binary.LittleEndian, p.w
	if p.last == 0 {
		p.last = len(*w.room)
		*w.room = le.AppendUint32(*w.room, fewBytes)
	}
	le.PutUint32((*w.room)[p.last:], le.Uint32((*w.room)[p.last:])+uint32(len(b)))
	*w.room = append(*w.room, b...)
}

// lie adds a piece that stays where it lies.
func (p *parts) lie(b []byte, sum uint64) {
	le, w := binary.LittleEndian, p.w
	*w.room = le.AppendUint64(le.AppendUint64(le.AppendUint32(*w.room, uint32(len(b))), mem.Address(b)), sum)
	p.last = 0
}

// listed ends the list of a part when it is long. Lists are short: what they stand for says when they are sent.
func (p *parts) listed() error {
	w, h := p.w, &p.h
	if p.left > 0 && p.have < nearAhead && len(*w.room)-p.at < longList {
		return nil
	}
	h.pack = lies
	h.over((*w.room)[p.at+headSize:])
	w.size += headSize + int(h.part)
	w.said += p.have
	w.owed += p.have
	if p.next(); w.said < nearAhead {
		return nil
	}
	return w.flush()
}

// settle waits until the reader has what lies here, and gives back what was lent for that.
func (w *writer) settle() error {
	if w.owed > 0 {
		w.owed = 0
		err := w.send(&head{kind: kindTake})
		if err == nil {
			err = w.flush()
		}
		var h head
		if err == nil {
			if err = w.c.head(&h); err == nil && h.kind != kindTaken {
				err = corrupt("a frame of kind %d, want word that bodies were taken", h.kind)
			}
			w.err = err
		}
		if err != nil {
			return err
		}
	}
	return w.back()
}

// back gives back what was lent until the reader had it.
func (w *writer) back() (err error) {
	for _, f := range w.later {
		err = errors.Join(err, f())
	}
	clear(w.later)
	w.later = w.later[:0]
	return err
}

// errSpoiled says that the memory of the sender is not what it was when its blocks were stored.
var errSpoiled = fmt.Errorf("%w: the memory of the sender is not what it says", ErrCorrupt)

// placeList is place for a part that lies in the memory of the sender.
func (g *getter) placeList(h *head) (read []byte, err error) {
	if g.pid == 0 || g.body.size() == 0 || h.part > mostList {
		return nil, corrupt("a list of %d bytes for a body of %d in the memory of process %d", h.part, g.body.size(), g.pid)
	}
	return g.aside(int(h.part)), nil
}

// pieces copies what a list stands for to where it stays.
func (g *getter) pieces(list []byte) (err error) {
	le, rest, had := binary.LittleEndian, list, g.have
	for len(rest) > 0 && err == nil {
		if len(rest) < 4 {
			return corrupt("%d bytes are left of a list", len(rest))
		}
		n := le.Uint32(rest)
		few, to := n&fewBytes != 0, g.body.from(g.have)
		n &^= fewBytes
		if rest = rest[4:]; n == 0 || int64(n) > int64(len(to)) || few && int64(n) > int64(len(rest)) || !few && (n > chunk.SumStrip || len(rest) < 16) {
			return corrupt("a piece of %d bytes for %d, in a list of which %d are left", n, len(to), len(rest))
		}
		if few {
			copy(to, rest[:n])
			rest = rest[n:]
		} else {
			err = g.piece(to[:n], le.Uint64(rest), le.Uint64(rest[8:]))
			rest = rest[16:]
		}
		g.have += int(n)
	}
	if err == nil {
		err = g.peek()
	}
	came := g.have - had
	g.clock.came += int64(came)
	g.clock.sent += int64(came)
	if err == nil && came == 0 {
		err = corrupt("a list of nothing")
	}
	return err
}

// piece notes what is to be copied, and has it copied when it is as much as stays in the cache.
func (g *getter) piece(to []byte, from, sum uint64) error {
	g.local, g.remote, g.sums = append(g.local, to), append(g.remote, from), append(g.sums, sum)
	if g.noted += len(to); g.noted < chunk.SumStrip {
		return nil
	}
	return g.peek()
}

// peek copies what was noted, and compares it with its checksums.
func (g *getter) peek() error {
	local, remote, sums := g.local, g.remote, g.sums
	g.local, g.remote, g.sums, g.noted = local[:0], remote[:0], sums[:0], 0
	if err := mem.Peek(g.pid, local, remote); err != nil {
		return fmt.Errorf("%w (%d pieces of process %d: %v)", errSpoiled, len(local), g.pid, err)
	}
	for i, b := range local {
		if xxh3.Hash(b) != sums[i] {
			return fmt.Errorf("%w: %d bytes do not match their checksum", errSpoiled, len(b))
		}
	}
	return nil
}

// taken tells the sender that all bodies are here.
func (g *getter) taken(c *conn) error {
	if g.pid == 0 {
		return corrupt("the sender waits for a reader of its memory, and has none")
	}
	_, err := c.Write((&head{kind: kindTaken}).over(nil).append(nil))
	return err
}
