package main

func Example() {
	main()
	// Output:
	// 4 rows written
	// tea 10.50
	// cake 8.50
	// tea 3.50
	// salt has no price
}
