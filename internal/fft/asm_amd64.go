package fft

import "github.com/weft-data/weft/internal/cpu"

// pass4 joins four transforms of quarter rows each, for each of blocks.
func pass4(re, im, tw []float64, blocks, quarter int) {
	switch level {
	case cpu.AVX512:
		pass4AVX512(re, im, tw, blocks, quarter)
	case cpu.AVX2:
		pass4AVX2(re, im, tw, blocks, quarter)
	default:
		pass4Go(re, im, tw, blocks, quarter)
	}
}

// pass2 joins two transforms of half rows each, for each of blocks.
func pass2(re, im, tw []float64, blocks, half int) {
	switch level {
	case cpu.AVX512:
		pass2AVX512(re, im, tw, blocks, half)
	case cpu.AVX2:
		pass2AVX2(re, im, tw, blocks, half)
	default:
		pass2Go(re, im, tw, blocks, half)
	}
}

// twiddle multiplies row k by base[k] times row k of the lanes' factors.
func twiddle(re, im, laneRe, laneIm, base []float64) {
	switch level {
	case cpu.AVX512:
		twiddleAVX512(re, im, laneRe, laneIm, base)
	case cpu.AVX2:
		twiddleAVX2(re, im, laneRe, laneIm, base)
	default:
		twiddleGo(re, im, laneRe, laneIm, base)
	}
}

// The functions below move numbers between lines and planes; they say whether they have done so.

func gatherASM(p planes, src []complex128, stride int, order []uint32) bool {
	if level != cpu.AVX512 {
		return false
	}
	gatherAVX512(p.re, p.im, src, stride, order)
	return true
}

func gatherRowsASM(p planes, src []complex128, stride int, places []uint32) bool {
	if level != cpu.AVX512 || len(places)%lanes != 0 {
		return false
	}
	gatherRowsAVX512(p.re, p.im, src, stride, places)
	return true
}

func scatterASM(dst []complex128, stride int, p planes, rows int) bool {
	if level != cpu.AVX512 {
		return false
	}
	scatterAVX512(dst, stride, p.re, p.im, rows)
	return true
}
