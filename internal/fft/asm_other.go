//go:build !amd64

package fft

func pass4(re, im, tw []float64, blocks, quarter int) { pass4Go(re, im, tw, blocks, quarter) }

func pass2(re, im, tw []float64, blocks, half int) { pass2Go(re, im, tw, blocks, half) }

func twiddle(re, im, laneRe, laneIm, base []float64) { twiddleGo(re, im, laneRe, laneIm, base) }

func gatherASM(p planes, src []complex128, stride int, order []uint32) bool { return false }

func gatherRowsASM(p planes, src []complex128, stride int, places []uint32) bool { return false }

func scatterASM(dst []complex128, stride int, p planes, rows int) bool { return false }
