package array

// PieceBytes makes arrays of n bytes and more go the way of large ones when they
// are cut anew, until the function it returns is called.
func PieceBytes(n int64) func() {
	old := pieceBytes
	pieceBytes = n
	return func() { pieceBytes = old }
}
