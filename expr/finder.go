package expr

import "bytes"

// A finder looks for a text in long ones, by the byte of it that is rarest there: the
// processor runs over bytes that are not it many at a time, and stops seldom.
type finder struct {
	text []byte
	rare int // where in text that byte stands
}

// sampled is how many bytes are counted to learn which are rare.
const sampled = 2048

// learn chooses the byte by a sample of what will be searched.
func (s *finder) learn(all []byte) {
	var count [256]uint16
	for i, step := 0, max(1, len(all)/sampled); i < len(all); i += step {
		count[all[i]]++
	}
	for i, c := range s.text {
		if count[c] < count[s.text[s.rare]] {
			s.rare = i
		}
	}
}

// find returns where in x the text begins first, -1 if it does not. Where the sample was
// wrong and the byte is frequent it goes on as bytes.Index does.
func (s *finder) find(x []byte) int {
	n, c := len(s.text), s.text[s.rare]
	for pos, in := s.rare, 0; pos <= len(x)-n+s.rare; pos++ {
		k := bytes.IndexByte(x[pos:len(x)-n+s.rare+1], c)
		if k < 0 {
			return -1
		}
		pos += k
		at := pos - s.rare
		if bytes.Equal(x[at:at+n], s.text) {
			return at
		}
		if in++; in > 8+at/16 {
			if k = bytes.Index(x[at+1:], s.text); k < 0 {
				return -1
			}
			return at + 1 + k
		}
	}
	return -1
}
