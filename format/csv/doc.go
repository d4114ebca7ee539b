// Package csv reads and writes delimited text: the operators "csv.read" and
// "csv.write", and Describe, which finds out what a reader must know of the files
// before anything is read.
//
// # Grammar
//
// A file is an optional byte order mark, skipped lines, an optional header record,
// and records. A record is fields with the delimiter between them and ends at a
// newline; a carriage return before that newline is dropped, and the last record
// needs no newline. A field is quoted if and only if its first byte is the quote:
// it then ends at the next quote that is not doubled, which a delimiter, a newline
// or the end of the file must follow; a doubled quote stands for one quote, and
// delimiters, newlines and carriage returns in it are data. A quote further inside
// a field that does not begin with one is data like any other byte. Blank lines are skipped
// when the table has more than one column, and are a null when it has one. With a
// comment byte, lines that begin with it are skipped.
//
// An unquoted field that is empty or one of the null spellings is null in every
// column. A quoted field is never null in a text column, so "" is the empty text;
// in columns of other types a quoted empty field or null spelling is null too.
//
// # Reading in parallel
//
// A file is cut into splits of equal size from its length alone. A split owns the
// records that begin in it, and whether its first byte lies inside quotes follows
// from the bytes before it: every split is a function from the state at its start
// (outside, inside, just after a quote inside) to the state at its end, computed
// with one pass over its quotes when the split is read, kept, and composed from
// the start of the file. The grammar above, stray quotes included, is what that
// function follows, so records are the same for any split size. Inside a split a
// chunk whose quotes all open and close fields takes the fast road: positions of
// delimiters and newlines from a vector scan, then one typed loop per column. A
// chunk with stray quotes, blank lines, comments or ragged rows is first rewritten
// without them.
//
// Text of few distinct values comes as codes of a dictionary, text of many as
// offsets and bytes; see glossary.
package csv
