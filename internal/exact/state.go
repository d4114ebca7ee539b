package exact

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Pack returns the fixed part of a group's state: window and Acc in 16 bytes. The
// state is complete with AppendWide's bytes, of which there are none for most
// groups. Layout, little-endian: 120 bits of the Acc in two's complement, then
// the window in 8 bits.
func (s *Sums) Pack(a Acc) (p [16]byte) {
	binary.LittleEndian.PutUint64(p[:], a.Lo)
	binary.LittleEndian.PutUint64(p[8:], uint64(a.Hi)&(1<<56-1)|uint64(uint8(s.window))<<56)
	return p
}

func unpack(p *[16]byte) (a Acc, window int16) {
	h := binary.LittleEndian.Uint64(p[8:])
	return Acc{int64(h<<8) >> 8, binary.LittleEndian.Uint64(p[:])}, int16(int8(h >> 56))
}

// partBytes is the size of a part: window and Acc.
const partBytes = 18

// AppendWide appends the wide state of group g: nothing when it has none.
func (s *Sums) AppendWide(dst []byte, g uint32) []byte {
	w := s.wide[g]
	if w == nil {
		return dst
	}
	dst = append(dst, byte(w.odd))
	for _, p := range w.parts {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(p.window))
		dst = binary.LittleEndian.AppendUint64(dst, p.acc.Lo)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(p.acc.Hi))
	}
	return dst
}

// HasWide reports whether any group has a wide state: if not, the fixed parts are
// all there is.
func (s *Sums) HasWide() bool { return len(s.wide) > 0 }

// MergePacked adds the packed states to the groups gids[i]. The window follows
// the first state.
//
// Errors: bytes that Pack cannot have written.
func (s *Sums) MergePacked(accs Accs, gids []uint32, states [][16]byte) error {
	gids = gids[:len(states)]
	for i := range states {
		a, j := unpack(&states[i])
		if j < minWindow || j > maxWindow {
			return fmt.Errorf("exact: a state of window %d is corrupt", j)
		}
		s.mergeAcc(accs, gids[i], a, j)
	}
	return nil
}

// MergeWide adds the bytes of AppendWide to group g.
//
// Errors: bytes that AppendWide cannot have written.
func (s *Sums) MergeWide(accs Accs, g uint32, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if (len(b)-1)%partBytes != 0 || odd(b[0]) > posInf|negInf|nan {
		return fmt.Errorf("exact: a wide state of %d bytes is corrupt", len(b))
	}
	w := s.state(g)
	w.odd |= odd(b[0])
	for b = b[1:]; len(b) > 0; b = b[partBytes:] {
		j := int16(binary.LittleEndian.Uint16(b))
		x := Acc{Lo: binary.LittleEndian.Uint64(b[2:]), Hi: int64(binary.LittleEndian.Uint64(b[10:]))}
		if int(j)*step < lowest || int(j)*step > highest-384 || over(x) {
			return errors.New("exact: a part of a wide state is out of range")
		}
		s.addPart(w, x, j)
	}
	return nil
}

// Merge adds groups[i] of src, whose Accs are from, to group gids[i]. src is unchanged.
func (s *Sums) Merge(accs Accs, gids []uint32, src *Sums, from Accs, groups []uint32) {
	gids = gids[:len(groups)]
	if src.chosen {
		for i, g := range groups {
			s.mergeAcc(accs, gids[i], *from.At(g), src.window)
		}
	}
	if len(src.wide) == 0 {
		return
	}
	for i, g := range groups {
		w := src.wide[g]
		if w == nil {
			continue
		}
		into := s.state(gids[i])
		into.odd |= w.odd
		for _, p := range w.parts {
			s.addPart(into, p.acc, p.window)
		}
	}
}

// mergeAcc adds x, in units of window j, to group g.
func (s *Sums) mergeAcc(accs Accs, g uint32, x Acc, j int16) {
	if x == (Acc{}) {
		return
	}
	if !s.chosen {
		s.window, s.chosen = j, true
	}
	if j == s.window-1 && !s.lowered && j >= minWindow {
		s.lower(accs)
	}
	a := accs.At(g)
	if j == s.window+1 && x.Hi>>22 == x.Hi>>63 {
		// One window up and small: fits after a shift.
		x.Hi, x.Lo, j = x.Hi<<step|int64(x.Lo>>step), x.Lo<<step, s.window
	}
	if j != s.window {
		s.addPart(s.state(g), x, j)
		return
	}
	*a = sum(*a, x)
	if over(*a) {
		s.runOver(a, g)
	}
}

// lower moves to the window below. Parts of one input whose greatest value lies
// near the border between windows choose either; without this every group would
// get a wide state.
func (s *Sums) lower(accs Accs) {
	s.lowered = true
	old := s.window
	s.window--
	for g := range uint32(accs.n) {
		a := accs.At(g)
		if a.Hi>>22 == a.Hi>>63 {
			a.Hi, a.Lo = a.Hi<<step|int64(a.Lo>>step), a.Lo<<step
			continue
		}
		x := *a
		*a = Acc{}
		s.addPart(s.state(g), x, old)
	}
}

// Drop removes the wide state of a group: its sum is that of its Acc again.
func (s *Sums) Drop(g uint32) {
	if w := s.wide[g]; w != nil {
		s.nWide -= int64(len(w.parts))
		delete(s.wide, g)
	}
}
