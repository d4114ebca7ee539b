// Package ndjson reads JSON: files of one object per line (NDJSON, JSON Lines), or of one array of objects, plain or
// compressed: the operator "ndjson.read", and Describe, which finds the types in a sample. The operator
// "ndjson.write" writes files of one object per line.
//
// # Types
//
// A column has the type of the values that the sample has for it, nulls and missing keys apart:
//
//	only true and false         bool
//	only numbers without . e E  int64; uint64 when one is beyond it and none negative; float64 when one does not fit
//	only numbers                float64
//	only strings                utf8
//	only arrays                 list of the type of all their elements, by these rules
//	only objects                struct of the keys met, in the order in which they are met first
//	nothing but null            null
//	anything else               utf8: strings as they are, other values as they are written in the file
//
// The last rule is for columns of mixed types: the number 300 among titles is the text "300", true is "true", and an
// array is its JSON text. Objects without keys are text, too. Numbers that are not in the sample and do not fit its
// type, keys that it does not have, and keys that an object has twice are errors with file, line and column (a.b is
// the field b of a, a[] an element), never guesses.
//
// # Reading in parallel
//
// A newline never stands inside of a JSON text that has no other line breaks between values, so plain files of lines
// are cut into splits anywhere; a split has the lines that begin in it. Arrays and compressed files are read by one
// thread.
package ndjson
