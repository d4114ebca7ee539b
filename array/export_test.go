package array

// PieceBytes makes arrays of n bytes and more go the way of large ones when they
// are cut anew, until the function it returns is called.
func PieceBytes(n int64) func() {
	old := pieceBytes
	pieceBytes = n
	return func() { pieceBytes = old }
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
