package kernel

import "bytes"

// Structural finds the field and record ends of delimited text: it writes the positions in buf[:n] of every delim
// and every newline outside quotes to pos, ascending, and returns how many there are.
//
// inQuote is 0 if the block starts outside quotes and ^0 if inside; inQuoteOut says the same of its end and is
// passed on to the next block. A quote byte toggles the state, so a doubled quote inside a quoted field leaves
// it unchanged, which is right for the positions. quote == 0 means that there is no quoting. delim, quote and
// newline must differ; n must be less than 2^32.
//
// pos must have n+64 elements; those after the result are undefined. buf is not read beyond n.
//
// Method: byte compares give one bitmap of 64 bytes each, the running xor of the quote bitmap is the inside of
// quotes (a carry-less product with all ones), as in Langdale and Lemire, Parsing Gigabytes of JSON per Second, 2019.
func Structural(buf []byte, n int, delim, quote byte, inQuote uint64, pos []uint32) (k int, inQuoteOut uint64) {
	buf, pos = buf[:n], pos[:n+64]
	if quote == 0 {
		inQuote = 0
	}
	done, k, inQuote := structuralASM(buf, delim, quote, inQuote, pos)
	if done == n {
		return k, inQuote
	}
	return structuralGo(buf, done, delim, quote, inQuote, pos, k)
}

// structuralGo goes on at byte from, with k positions already written.
func structuralGo(buf []byte, from int, delim, quote byte, inQuote uint64, pos []uint32, k int) (int, uint64) {
	// The position is always written and k moves only if it counts: a branch here is badly predicted.
	const isEnd, isQuote = 1, 2
	var class [256]uint8
	class[delim], class['\n'] = isEnd, isEnd
	if quote != 0 {
		class[quote] = isQuote
	}
	in := uint8(inQuote & 1)
	for i := from; i < len(buf); i++ {
		c := class[buf[i]]
		in ^= c >> 1
		pos[k] = uint32(i)
		k += int(c & isEnd &^ in)
	}
	return k, -uint64(in)
}

// CountQuotes returns how often quote occurs in buf. The parity of this count over all earlier blocks is the
// state in which a block starts.
func CountQuotes(buf []byte, quote byte) int {
	return bytes.Count(buf, []byte{quote})
}
