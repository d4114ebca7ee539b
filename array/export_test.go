package array

// PieceBytes makes arrays of n bytes and more go the way of large ones when they
// are cut anew, in pieces of about so many bytes, until the function it returns is called.
func PieceBytes(n, wanted int64) func() {
	old, before := pieceBytes, wantedPiece
	pieceBytes, wantedPiece = n, wanted
	return func() { pieceBytes, wantedPiece = old, before }
}

// Steps are the chunks of the arrays through which one of so many bytes is cut anew.
func Steps(x, y *Array, bytes int64) (out []string) {
	for _, g := range steps(x.grid, y.grid, bytes) {
		out = append(out, g.String())
	}
	return out
}

// Halfway cuts x to chunks between its own and those of y, and then to those of y.
func Halfway(x, y *Array) *Array {
	return x.apart("Halfway", between(x.grid, y.grid, 0.5)).apart("Halfway", y.grid)
}

// LineBytes makes lines of more than n bytes too long for one task, until the function
// it returns is called.
func LineBytes(n int64) func() {
	old := lineBytes
	lineBytes = n
	return func() { lineBytes = old }
}

// WrittenUncut reports whether x is written into chunks of a store as it was before it was cut
// anew; nil is one file.
func WrittenUncut(x, store *Array) bool {
	g := x.oneChunk()
	if store != nil {
		g = store.grid
	}
	return x.toWrite(g) != x
}
