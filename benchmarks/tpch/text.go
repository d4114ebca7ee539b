package tpch

// poolBytes is how much text comments are cut from.
const poolBytes = 300 << 20

// pool makes the text, sentence by sentence.
func pool() []byte {
	b := make([]byte, 0, poolBytes+1<<10)
	s := newStream(933588178, 0)
	for len(b) < poolBytes {
		b = appendSentence(b, &s)
	}
	return b[:poolBytes]
}

func appendSentence(b []byte, s *stream) []byte {
	for _, c := range grammar.word(s) {
		switch c {
		case 'N':
			b = appendPhrase(b, nounPhrase.word(s), s)
		case 'V':
			b = appendPhrase(b, verbPhrase.word(s), s)
		case 'P':
			b = append(append(b, prepositions.word(s)...), " the "...)
			b = appendPhrase(b, nounPhrase.word(s), s)
		case 'T':
			b = append(append(b[:len(b)-1], terminators.word(s)...), ' ')
		}
	}
	return b
}

// appendPhrase appends a word for each letter of a pattern, and a space after each.
func appendPhrase(b []byte, pattern string, s *stream) []byte {
	for _, c := range pattern {
		var from *alphabet
		switch c {
		case 'N':
			from = nouns
		case 'V':
			from = verbs
		case 'J':
			from = adjectives
		case 'D':
			from = adverbs
		case 'X':
			from = auxiliaries
		case ',':
			b = append(b[:len(b)-1], ", "...)
			continue
		default:
			continue
		}
		b = append(append(b, from.word(s)...), ' ')
	}
	return b
}

// comment draws a piece of the pool: its place in the high bits, its length in the
// low eight.
func (s *stream) comment(mean int64) int64 {
	at := s.between(0, poolBytes-longest(mean))
	return at<<8 | s.between(shortest(mean), longest(mean))
}
