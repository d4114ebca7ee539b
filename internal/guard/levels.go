package guard

import (
	"encoding/binary"
	"math/bits"
)

func bitsFor(maxValue int) int { return bits.Len(uint(maxValue)) }

// tally counts how often every value of the first n of a run-length/bit-packed hybrid occurs (Parquet format,
// "Encodings", RLE). It fails when there are fewer than n or a value is not below len(hist).
func tally(b []byte, width, n int, hist []int) error {
	size := (width + 7) / 8
	for n > 0 {
		h, k := binary.Uvarint(b)
		if k <= 0 {
			return corrupt("run lengths end %d values early", n)
		}
		b = b[k:]
		if h&1 == 0 {
			if h>>1 == 0 || len(b) < size {
				return corrupt("an empty or cut run, %d values to come", n)
			}
			v := 0
			for i := 0; i < size; i++ {
				v |= int(b[i]) << (8 * i)
			}
			if v >= len(hist) {
				return corrupt("a run of %d where %d is the largest", v, len(hist)-1)
			}
			run := int(min(h>>1, uint64(n)))
			hist[v] += run
			b, n = b[size:], n-run
			continue
		}
		if h>>1 == 0 {
			return corrupt("an empty bit-packed run, %d values to come", n)
		}
		groups := int(min(h>>1, uint64(n/8+1))) // padding groups beyond the values may be cut off
		run := min(groups*8, n)
		if (run*width+7)/8 > len(b) {
			return corrupt("a bit-packed run of %d values of %d bits in %d bytes", run, width, len(b))
		}
		if err := tallyPacked(b, width, run, hist); err != nil {
			return err
		}
		b, n = b[min(len(b), groups*width):], n-run
	}
	return nil
}

func tallyPacked(b []byte, width, n int, hist []int) error {
	switch width {
	case 0:
		hist[0] += n
		return nil
	case 1:
		ones := 0
		for i := 0; i < n/8; i++ {
			ones += bits.OnesCount8(b[i])
		}
		if n%8 != 0 {
			ones += bits.OnesCount8(b[n/8] & (1<<(n%8) - 1))
		}
		if ones > 0 && len(hist) < 2 {
			return corrupt("a 1 where 0 is the largest")
		}
		hist[0] += n - ones
		if ones > 0 {
			hist[1] += ones
		}
		return nil
	}
	mask := uint64(1)<<width - 1
	for i := 0; i < n; i++ {
		v := loadBits(b, i*width) & mask
		if v >= uint64(len(hist)) {
			return corrupt("a packed %d where %d is the largest", v, len(hist)-1)
		}
		hist[v]++
	}
	return nil
}

// loadBits gives at least 57 bits starting at bit at, least significant first, zeros beyond the end.
func loadBits(b []byte, at int) uint64 {
	b = b[at/8:]
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b) >> (at % 8)
	}
	var v uint64
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	return v >> (at % 8)
}

// tallyLegacy is tally for the deprecated BIT_PACKED encoding, most significant bit first.
func tallyLegacy(b []byte, width, n int, hist []int) error {
	for i := 0; i < n; i++ {
		v := 0
		for k := i * width; k < (i+1)*width; k++ {
			v = v<<1 | int(b[k/8]>>(7-k%8))&1
		}
		if v >= len(hist) {
			return corrupt("a level %d where %d is the largest", v, len(hist)-1)
		}
		hist[v]++
	}
	return nil
}

// levelStreams gives the bytes of the repetition and definition levels of a page without length prefixes;
// the page has been through splitLevels.
func levelStreams(raw []byte, p *page, l *leaf) (rep, def []byte) {
	if p.typ == pageDataV2 {
		return raw[:p.repLen], raw[p.repLen : p.repLen+p.defLen]
	}
	cut := func(maxLevel int, enc int64) []byte {
		n, _ := levelBytes(raw, maxLevel, enc, int(p.values))
		out := raw[:n]
		raw = raw[n:]
		if n > 0 && enc == encRLE {
			out = out[4:]
		}
		return out
	}
	rep = cut(l.MaxRep, p.repEnc)
	return rep, cut(l.MaxDef, p.defEnc)
}

// countLevels reads the levels of a page and gives how many values are stored (not null) and how many rows
// begin in it.
func countLevels(raw []byte, p *page, l *leaf) (present, rows int, err error) {
	n := int(p.values)
	rep, def := levelStreams(raw, p, l)
	present, rows = n, n
	count := func(b []byte, maxLevel int, enc int64) ([]int, error) {
		hist := make([]int, maxLevel+1)
		if enc == encBitPacked && p.typ == pageData {
			return hist, tallyLegacy(b, bitsFor(maxLevel), n, hist)
		}
		return hist, tally(b, bitsFor(maxLevel), n, hist)
	}
	if l.MaxRep > 0 {
		hist, err := count(rep, l.MaxRep, p.repEnc)
		if err != nil {
			return 0, 0, wrapLevels("repetition", err)
		}
		rows = hist[0]
	}
	if l.MaxDef > 0 {
		hist, err := count(def, l.MaxDef, p.defEnc)
		if err != nil {
			return 0, 0, wrapLevels("definition", err)
		}
		present = hist[l.MaxDef]
	}
	if p.typ == pageDataV2 && l.MaxRep > 0 && int(p.rows) != rows {
		return 0, 0, corrupt("the page says %d rows, its levels %d", p.rows, rows)
	}
	return present, rows, nil
}

func wrapLevels(kind string, err error) error { return corrupt("%s levels: %v", kind, err) }

// levelsStartRow says whether the first repetition level is 0.
func levelsStartRow(raw []byte, p *page, l *leaf) bool {
	rep, _ := levelStreams(raw, p, l)
	hist := make([]int, l.MaxRep+1)
	var err error
	if p.repEnc == encBitPacked && p.typ == pageData {
		err = tallyLegacy(rep, bitsFor(l.MaxRep), 1, hist)
	} else {
		err = tally(rep, bitsFor(l.MaxRep), 1, hist)
	}
	return err == nil && hist[0] == 1
}
