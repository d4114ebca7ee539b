package vec

// Without assembly every kernel is its Go loop: the functions below say that there is no other.

func binaryASM[T Elem](op BinaryOp) any { return nil }

func rightASM[T Elem](op BinaryOp) any { return nil }

func leftASM[T Elem](op BinaryOp) any { return nil }

func unaryASM[T Elem](op UnaryOp) any { return nil }

func fmaASM[T Float]() any { return nil }

func compareASM[T Elem](op CompareOp) any { return nil }

func compareRightASM[T Elem](op CompareOp) any { return nil }

func testASM[T Elem](op TestOp) any { return nil }

func whereASM[T Elem]() any { return nil }

func castASM[D, S Elem]() any { return nil }

func reduceASM[T Elem](op ReduceOp) any { return nil }

func dotASM[T Elem]() any { return nil }

func deviationsASM[T Float]() any { return nil }

func columnSumsASM[T Float]() any { return nil }

func columnDeviationsASM[T Float]() any { return nil }

func tileASM[T any]() *tileKernel[T] { return nil }
