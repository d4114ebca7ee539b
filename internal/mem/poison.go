package mem

import "sync/atomic"

var poison atomic.Uint32

// Poison has every buffer that is handed out from now on full of a byte, its room for
// over-read too; 0 ends that. Contents are undefined, so nothing that is computed or
// written may differ: tests hold that with it.
func Poison(with byte) { poison.Store(uint32(with)) }

// poisoned fills a fresh buffer.
func poisoned(b []byte) []byte {
	if with := byte(poison.Load()); with != 0 {
		all := b[:cap(b)]
		for i := range all {
			all[i] = with
		}
	}
	return b
}
