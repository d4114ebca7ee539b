package main

func Example() {
	main()
	// Output:
	// most frequent: [{weft 4} {the 3} {warp 3}]
	// 12 squared: 144 after 3 calls
	// half 0: 4 <nil>
	// half 1: 0 7 is odd
	// half 2: 3 <nil>
}
