package guard

import (
	"encoding/binary"
	"fmt"
)

// valueWidth is the number of bytes of a stored value, 0 for BOOLEAN and BYTE_ARRAY.
func valueWidth(l *leaf) int {
	switch l.typ {
	case physInt32, physFloat:
		return 4
	case physInt64, physDouble:
		return 8
	case physInt96:
		return 12
	case physFixed:
		return int(l.typeLen)
	}
	return 0
}

// checkPlain says whether b holds n values in encoding PLAIN.
func checkPlain(b []byte, n int, l *leaf) error {
	switch {
	case l.typ == physBool:
		if (n+7)/8 > len(b) {
			return corrupt("%d booleans in %d bytes", n, len(b))
		}
	case l.typ == physBytes:
		for i, at := 0, 0; i < n; i++ {
			if len(b)-at < 4 {
				return corrupt("the values end after %d of %d", i, n)
			}
			k := int64(binary.LittleEndian.Uint32(b[at:]))
			if k > int64(len(b)-at-4) {
				return corrupt("value %d of %d bytes, %d left", i, k, len(b)-at-4)
			}
			at += 4 + int(k)
		}
	case n > len(b)/valueWidth(l):
		return corrupt("%d values of %d bytes in %d bytes", n, valueWidth(l), len(b))
	}
	return nil
}

// longestPlain is the length of the longest of n byte arrays in b, which has been through checkPlain.
func longestPlain(b []byte, n int) int {
	longest := 0
	for i, at := 0, 0; i < n; i++ {
		k := int(binary.LittleEndian.Uint32(b[at:]))
		longest = max(longest, k)
		at += 4 + k
	}
	return longest
}

// plainValues checks the values of a page, n of them present, and gives them in an encoding that v17 decodes
// right: dictionary codes and run-length booleans stay, everything else becomes PLAIN.
func (s *pageStream) plainValues(b []byte, enc int64, n int) ([]byte, int64, error) {
	switch enc {
	case encPlain:
		return b, enc, checkPlain(b, n, s.leaf)
	case encPlainDict, encRLEDict:
		if err := s.checkCodes(b, n); err != nil {
			return nil, 0, err
		}
		if n > 0 && b[0] == 0 {
			// Codes of no bits are all 0. Arrow's unpacking of them reads beyond its input: one run says the same.
			b = append(binary.AppendUvarint([]byte{1}, uint64(n)<<1), 0)
		}
		return b, enc, nil
	case encRLE:
		if n == 0 {
			return nil, encPlain, nil
		}
		return b, enc, checkBooleans(b, n)
	}
	out, err := s.expandValues(b, enc, n)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", encodingName(enc), err)
	}
	return out, encPlain, nil
}

func (s *pageStream) expandValues(b []byte, enc int64, n int) ([]byte, error) {
	if size := int64(n) * int64(valueWidth(s.leaf)); size > s.lim.Page {
		return nil, overLimit("the page expands to %d bytes, the limit is %d", size, s.lim.Page)
	}
	switch enc {
	case encSplit:
		return unsplit(b, n, valueWidth(s.leaf))
	case encDelta:
		vals, _, err := decodeDelta(b, n)
		if err != nil {
			return nil, err
		}
		return plainInts(vals, valueWidth(s.leaf)), nil
	case encDeltaLength:
		return expandDeltaLength(b, n, s.lim.Page)
	default:
		return expandDeltaBytes(b, n, s.leaf, s.lim.Page)
	}
}

// checkCodes says whether b holds n dictionary codes. That a code is in the dictionary is checked while
// decoding and, where the dictionary is kept, on the record.
func (s *pageStream) checkCodes(b []byte, n int) error {
	if n == 0 {
		return nil
	}
	if len(b) == 0 || b[0] > 32 {
		return corrupt("dictionary codes without a bit width up to 32")
	}
	if s.dict == 0 {
		return corrupt("%d codes for an empty dictionary", n)
	}
	return countRuns(b[1:], int(b[0]), n, s.dict)
}

// countRuns is tally without the counting: O(runs) for whatever is run-length encoded or bit-packed.
func countRuns(b []byte, width, n, below int) error {
	size := (width + 7) / 8
	for n > 0 {
		h, k := binary.Uvarint(b)
		if k <= 0 {
			return corrupt("dictionary codes end %d values early", n)
		}
		b = b[k:]
		if h>>1 == 0 {
			return corrupt("an empty run of dictionary codes")
		}
		if h&1 == 0 {
			if len(b) < size {
				return corrupt("a cut run of dictionary codes")
			}
			var v uint64
			for i := 0; i < size; i++ {
				v |= uint64(b[i]) << (8 * i)
			}
			if v >= uint64(below) {
				return corrupt("code %d of a dictionary of %d", v, below)
			}
			b, n = b[size:], n-int(min(h>>1, uint64(n)))
			continue
		}
		if h>>1 > uint64(n/8+1) {
			h = uint64(n/8+1)<<1 | 1 // padding groups beyond the values may be cut off
		}
		run := min(int(h>>1)*8, n)
		if (run*width+7)/8 > len(b) {
			return corrupt("a bit-packed run of %d codes of %d bits in %d bytes", run, width, len(b))
		}
		b, n = b[min(len(b), int(h>>1)*width):], n-run
	}
	return nil
}

// checkBooleans says whether b holds n booleans in encoding RLE, which has a length prefix.
func checkBooleans(b []byte, n int) error {
	if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
		return corrupt("run-length booleans without a length that fits")
	}
	return tally(b[4:4+binary.LittleEndian.Uint32(b)], 1, n, make([]int, 2))
}

// unsplit turns BYTE_STREAM_SPLIT (byte k of every value together) into PLAIN.
func unsplit(b []byte, n, width int) ([]byte, error) {
	if n > len(b)/width {
		return nil, corrupt("%d values of %d bytes in %d bytes", n, width, len(b))
	}
	stride := len(b) / width
	out := make([]byte, n*width)
	for k := 0; k < width; k++ {
		src := b[k*stride:]
		for i := 0; i < n; i++ {
			out[i*width+k] = src[i]
		}
	}
	return out, nil
}

func plainInts(vals []int64, width int) []byte {
	out := make([]byte, 0, len(vals)*width)
	for _, v := range vals {
		if width == 4 {
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		} else {
			out = binary.LittleEndian.AppendUint64(out, uint64(v))
		}
	}
	return out
}

// decodeDelta decodes up to n values of DELTA_BINARY_PACKED and gives the bytes after them. The count in the
// header must be n.
func decodeDelta(b []byte, n int) (vals []int64, rest []byte, err error) {
	r := thriftReader{b: b} // the same varints
	block, minis, total, first := r.uvarint(), r.uvarint(), r.uvarint(), r.int()
	switch {
	case r.err != nil:
		return nil, nil, corrupt("the header of the deltas is cut")
	case total != uint64(n):
		return nil, nil, corrupt("%d deltas, the page has %d values", total, n)
	case block == 0 || block%128 != 0 || block > 1<<16 || minis == 0 || minis > block/32 || block%minis != 0 || block/minis%32 != 0:
		return nil, nil, corrupt("blocks of %d values in %d parts", block, minis)
	case n == 0:
		return nil, b[r.pos:], nil
	case uint64(n-1) > (uint64(len(b)-r.pos)/(minis+1)+1)*block:
		return nil, nil, corrupt("%d deltas in %d bytes", n, len(b))
	}
	vals = append(make([]int64, 0, n), first)
	per := int(block / minis)
	for len(vals) < n {
		least := r.int()
		widths := r.pos
		r.skipBytes(int(minis))
		for m := 0; m < int(minis) && len(vals) < n && r.err == nil; m++ {
			width := int(r.b[widths+m])
			at := r.pos
			if width > 64 {
				return nil, nil, corrupt("deltas of %d bits", width)
			}
			r.skipBytes(per / 8 * width)
			for i := 0; i < per && len(vals) < n && r.err == nil; i++ {
				first += least + int64(packed64(r.b[at:r.pos], i*width, width))
				vals = append(vals, first)
			}
		}
		if r.err != nil {
			return nil, nil, corrupt("the deltas end after %d of %d values", len(vals), n)
		}
	}
	return vals, r.b[r.pos:], nil
}

// packed64 gives the width bits from bit at on, least significant first.
func packed64(b []byte, at, width int) uint64 {
	if width == 0 {
		return 0
	}
	v := loadBits(b, at)
	if got := 64 - at%8; width > got {
		v |= loadBits(b, at+got) << got
	}
	if width < 64 {
		v &= 1<<width - 1
	}
	return v
}

// expandDeltaLength turns DELTA_LENGTH_BYTE_ARRAY into PLAIN.
func expandDeltaLength(b []byte, n int, limit int64) ([]byte, error) {
	lens, rest, err := decodeDelta(b, n)
	if err != nil {
		return nil, err
	}
	if err := checkLengths(lens, int64(len(rest))); err != nil {
		return nil, err
	}
	if size := int64(len(rest)) + 4*int64(n); size > limit {
		return nil, overLimit("the page expands to %d bytes, the limit is %d", size, limit)
	}
	out := make([]byte, 0, len(rest)+4*n)
	for _, k := range lens {
		out = append(binary.LittleEndian.AppendUint32(out, uint32(k)), rest[:k]...)
		rest = rest[k:]
	}
	return out, nil
}

func checkLengths(lens []int64, have int64) error {
	for i, k := range lens {
		if k < 0 || k > have {
			return corrupt("value %d has %d bytes, %d left", i, k, have)
		}
		have -= k
	}
	return nil
}

// expandDeltaBytes turns DELTA_BYTE_ARRAY (every value as a prefix of the one before and a suffix) into PLAIN.
func expandDeltaBytes(b []byte, n int, l *leaf, limit int64) ([]byte, error) {
	prefix, rest, err := decodeDelta(b, n)
	if err != nil {
		return nil, err
	}
	suffix, rest, err := decodeDelta(rest, n)
	if err != nil {
		return nil, err
	}
	if err := checkLengths(suffix, int64(len(rest))); err != nil {
		return nil, err
	}
	size, last := int64(0), int64(0)
	for i := range prefix {
		if prefix[i] < 0 || prefix[i] > last {
			return nil, corrupt("value %d shares %d bytes with one of %d", i, prefix[i], last)
		}
		last = prefix[i] + suffix[i]
		if l.typ == physFixed && last != l.typeLen {
			return nil, corrupt("value %d has %d bytes, the column %d", i, last, l.typeLen)
		}
		if size += last + 4; size > limit {
			return nil, overLimit("the page expands beyond %d bytes", limit)
		}
	}
	out := make([]byte, 0, size)
	prev := 0
	for i := range prefix {
		if l.typ == physBytes {
			out = binary.LittleEndian.AppendUint32(out, uint32(prefix[i]+suffix[i]))
		}
		at := len(out)
		out = append(append(out, out[prev:prev+int(prefix[i])]...), rest[:suffix[i]]...)
		rest, prev = rest[suffix[i]:], at
	}
	return out, nil
}
