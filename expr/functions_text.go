package expr

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	"github.com/weft-data/weft/dtype"
)

const tooLong = "a text of more than 16 MiB"

func textFns() []fn {
	test := func(name, doc, example string) fn {
		return define("str."+name, "x text, y text", "bool", doc, example).gives(tBool).code(bindTextTest)
	}
	count := func(name, args, doc, example string) fn {
		return define("str."+name, args, "int64", doc, example).gives(tInt64)
	}
	return []fn{
		count("len", "x text", "Characters: Unicode code points, and every byte that is not UTF-8.", `str.len("né") => 2`).code(bindTextLen),
		count("bytes", "x bytes", "Bytes.", `str.bytes("né") => 3`).code(bindTextLen),
		test("contains", "True when y occurs in x.", `str.contains("cabin", "ab") => true`),
		test("starts_with", "True when x begins with y.", `str.starts_with("abc", "ab") => true`),
		test("ends_with", "True when x ends with y.", `str.ends_with("abc", "ab") => false`),
		count("find", "x text, y text", "Position of the first y in x, in characters from 0; -1 when there is none.", `str.find("élan", "an") => 2`).code(bindFind),
		count("count", "x text, y text", "How often y occurs in x without overlapping; 0 for an empty y.", `str.count("banana", "an") => 2`).code(bindTextCount),
		count("levenshtein", "x text, y text", "The least number of characters to insert, delete or replace that makes x into y.", `str.levenshtein("kitten", "sitting") => 3`).code(bindTextCount),
		define("str.jaro_winkler", "x text, y text", "float64", "Similarity from 0 to 1 by Jaro and Winkler (prefix weight 0.1, at most 4 characters).",
			`round(str.jaro_winkler("martha", "marhta"), 4) => 0.9611`).gives(tFloat64).code(bindJaroWinkler),
		count("ord", "x text", "The code point of the first character; null for empty text.", `str.ord("é") => 233`).rule(func(s *sig, in []operand) error {
			s.Out, s.Null = tInt64, true
			return nil
		}).code(bindTextCount),
		count("to_int", "x text, base const int64", "Reads an integer in a base of 2 to 36; null when it is none.", `str.to_int("ff", 16) => 255`).rule(baseRule(tInt64)).code(bindToInt),
		define("str.to_date", "x text, layout const text", "date", "Reads a date by a layout of Go's package time, or by strftime codes.", `str.to_date("1.5.2024", "2.1.2006") => 2024-05-01`).
			rule(layoutRule(tDate)).canFail("text that does not fit the layout", nil).code(bindParseTime),
		define("str.to_timestamp", "x text, layout const text", "timestamp[us]", "Reads a timestamp by a layout of Go's package time, or by strftime codes; UTC when the layout has no zone.",
			`str.to_timestamp("2024-05-01 12:30", "%Y-%m-%d %H:%M") => 2024-05-01 12:30:00.000000`).rule(layoutRule(dtype.TimestampOf(dtype.Micro, ""))).
			canFail("text that does not fit the layout", nil).code(bindParseTime),
	}
}

func textBuildFns() []fn {
	d := func(name, params, doc, example string) fn {
		return define("str."+name, params, "utf8", doc, example).gives(tText)
	}
	return []fn{
		d("upper", "x text", "Upper case, character by character (Unicode).", `str.upper("né") => "NÉ"`).code(bindTextMap),
		d("lower", "x text", "Lower case, character by character (Unicode).", `str.lower("NÉ") => "né"`).code(bindTextMap),
		d("title", "x text", "The first letter of every word in upper case, all others in lower case; words are letters and digits.", `str.title("o'neill élan") => "O'Neill Élan"`).code(bindTextMap),
		d("reverse", "x text", "The characters in the other order.", `str.reverse("né") => "én"`).code(bindTextMap),
		d("trim", "x text", "Without white space at both ends.", `str.trim("  a b ") => "a b"`).code(bindTextMap),
		d("trim_left", "x text", "Without leading white space.", `str.trim_left("  a ") => "a "`).code(bindTextMap),
		d("trim_right", "x text", "Without trailing white space.", `str.trim_right(" a  ") => " a"`).code(bindTextMap),
		d("strip", "x text, chars text", "Without any of the characters at both ends.", `str.strip("--a-b-", "-") => "a-b"`).code(bindStrip),
		d("strip_left", "x text, chars text", "Without any of the characters at the start.", `str.strip_left("--a-", "-") => "a-"`).code(bindStrip),
		d("strip_right", "x text, chars text", "Without any of the characters at the end.", `str.strip_right("-a--", "-") => "-a"`).code(bindStrip),
		d("strip_prefix", "x text, y text", "Without y at the start, if it is there.", `str.strip_prefix("foobar", "foo") => "bar"`).code(bindStrip),
		d("strip_suffix", "x text, y text", "Without y at the end, if it is there.", `str.strip_suffix("a.csv", ".csv") => "a"`).code(bindStrip),
		d("replace", "x text, old text, new text", "Every old replaced by new; an empty old replaces nothing.", `str.replace("banana", "an", "-") => "b--a"`).
			canFail(tooLong, nil).code(bindReplace),
		d("translate", "x text, from const text, to const text", "Every character of from replaced by the one at its place in to, or left out when there is none.",
			`str.translate("a-b_c", "-_", " ") => "a bc"`).canFail(tooLong, nil).code(bindTranslate),
		d("slice", "x text, start int64, n int64", "n characters from position start on; a negative start counts from the end.", `str.slice("élan", 1, 2) => "la"`).
			code(bindTextSlice),
		d("left", "x text, n int64", "The first n characters; all but the last -n when n is negative.", `str.left("élan", 2) => "él"`).code(bindEnds),
		d("right", "x text, n int64", "The last n characters; all but the first -n when n is negative.", `str.right("élan", 2) => "an"`).code(bindEnds),
		d("concat", "x text…", "The texts one after the other.", `str.concat("a", "-", "b") => "a-b"`).canFail(tooLong, nil).code(bindConcat),
		d("concat_ws", "sep text, x text…", "The texts that are not null with sep between them.", `str.concat_ws(", ", "a", utf8(null), "b") => "a, b"`).
			rule(func(s *sig, in []operand) error { s.Out, s.Null = tText, in[0].Null; return nil }).seesNulls("null when sep is; other nulls are left out").
			canFail(tooLong, nil).code(bindConcatWS),
		d("split_part", "x text, sep text, i int64", "Part i, from 0, of x cut at sep; null when there are fewer or sep is empty.", `str.split_part("a-b-c", "-", 1) => "b"`).
			rule(mayBeNull).code(bindSplitPart),
		d("repeat", "x text, n int64", "x n times; empty when n is not positive.", `str.repeat("ab", 3) => "ababab"`).canFail(tooLong, nil).code(bindRepeat),
		d("pad_start", "x text, n int64, fill const text", "Filled up to n characters at the start with a character.", `str.pad_start("42", 5, "0") => "00042"`).
			rule(padRule).canFail(tooLong, nil).code(bindPad),
		d("pad_end", "x text, n int64, fill const text", "Filled up to n characters at the end with a character.", `str.pad_end("42", 4, ".") => "42.."`).
			rule(padRule).canFail(tooLong, nil).code(bindPad),
		d("chr", "x int64", "The character of a code point; null when there is none.", `str.chr(233) => "é"`).rule(mayBeNull).code(bindChr),
		d("from_int", "x int64, base const int64", "An integer in a base of 2 to 36, with small letters.", `str.from_int(255, 16) => "ff"`).rule(baseRule(tText)).code(bindFromInt),
		d("from_float", "x float64, digits const int64", "A number with so many digits behind the point, rounded to the nearest.", `str.from_float(2.5, 2) => "2.50"`).
			rule(digitsRule).code(bindFromFloat),
		define("str.split", "x text, sep text", "list(utf8)", "The parts of x between each sep; its characters when sep is empty.", `str.split("a-b-c", "-") => ["a", "b", "c"]`).
			gives(dtype.ListOf(tText)).code(bindSplit),
	}
}

func patternFns() []fn {
	test := func(name, params, doc, example string) fn {
		return define("str."+name, params, "bool", doc, example).rule(patternRule(tBool)).code(bindPattern)
	}
	const pattern = "x text, re const text"
	return []fn{
		test("like", "x text, pattern const text", "SQL pattern: % is any text, _ one character, a backslash takes the next as it is.", `str.like("abc", "a%") => true`).code(bindLike),
		test("ilike", "x text, pattern const text", "As str.like, but letters match in either case.", `str.ilike("ABC", "a_c") => true`).code(bindLike),
		test("match", pattern, "True when the RE2 expression matches somewhere.", `str.match("banana", "^b.*a$") => true`),
		define("str.extract", "x text, re const text, group const int64", "utf8", "What a group of the RE2 expression (0: all of it) has in the first match; null when it does not match.",
			`str.extract("tel 030-123", "([0-9]+)-([0-9]+)", 2) => "123"`).rule(groupRule).code(bindPattern),
		define("str.extract_all", pattern, "list(utf8)", "All matches of the RE2 expression, without overlapping.", `str.extract_all("a1b22", "[0-9]+") => ["1", "22"]`).
			rule(patternRule(dtype.ListOf(tText))).code(bindPattern),
		define("str.replace_re", "x text, re const text, new const text", "utf8", "Every match of the RE2 expression replaced by new, in which $1 or ${name} is a group and $$ a dollar.",
			`str.replace_re("2024-05", "(\\d+)-(\\d+)", "$2/$1") => "05/2024"`).rule(patternRule(tText)).canFail(tooLong, nil).code(bindPattern),
		define("str.count_re", pattern, "int64", "How often the RE2 expression matches, without overlapping.", `str.count_re("a1b22", "[0-9]+") => 2`).
			rule(patternRule(tInt64)).code(bindPattern),
	}
}

// patternRule types functions with a regular expression or LIKE pattern.
func patternRule(t dtype.Type) func(*sig, []operand) error {
	return func(s *sig, in []operand) error {
		s.Out = t
		_, err := regexp.Compile(in[1].Lit.S)
		return err
	}
}

func groupRule(s *sig, in []operand) error {
	s.Out, s.Null = tText, true
	re, err := regexp.Compile(in[1].Lit.S)
	if err == nil && (in[2].Lit.I < 0 || in[2].Lit.I > int64(re.NumSubexp())) {
		err = fmt.Errorf("group %d of an expression that has %d", in[2].Lit.I, re.NumSubexp())
	}
	return err
}

func baseRule(t dtype.Type) func(*sig, []operand) error {
	return func(s *sig, in []operand) error {
		s.Out, s.Null = t, s.Null || t == tInt64
		if b := in[1].Lit.I; b < 2 || b > 36 {
			return fmt.Errorf("base %d, want 2 to 36", b)
		}
		return nil
	}
}

func digitsRule(s *sig, in []operand) error {
	s.Out = tText
	if d := in[1].Lit.I; d < 0 || d > 100 {
		return fmt.Errorf("%d digits, want 0 to 100", d)
	}
	return nil
}

func bytesFns() []fn {
	d := func(name, params, result, doc, example string, t dtype.Type) fn {
		return define("bytes."+name, params, result, doc, example).gives(t)
	}
	tBinary := dtype.Of(dtype.Binary)
	null := func(t dtype.Type) func(*sig, []operand) error {
		return func(s *sig, in []operand) error { s.Out, s.Null = t, true; return nil }
	}
	return []fn{
		d("hex", "x bytes", "utf8", "Bytes as hexadecimal digits.", `bytes.hex("é") => "c3a9"`, tText).code(bindBytes),
		d("base64", "x bytes", "utf8", "Bytes in base64, with padding.", `bytes.base64("weft") => "d2VmdA=="`, tText).code(bindBytes),
		d("from_hex", "x text", "binary", "Hexadecimal digits as bytes; null when it is something else.", `cast(bytes.from_hex("C3a9"), utf8) => "é"`, tBinary).rule(null(tBinary)).code(bindBytes),
		d("from_base64", "x text", "binary", "Base64 as bytes; null when it is something else.", `cast(bytes.from_base64("d2VmdA=="), utf8) => "weft"`, tBinary).rule(null(tBinary)).code(bindBytes),
		d("sha256", "x bytes", "utf8", "The SHA-256 of the bytes in hexadecimal digits.",
			`str.left(bytes.sha256("abc"), 8) => "ba7816bf"`, tText).code(bindBytes),
		d("md5", "x bytes", "utf8", "The MD5 of the bytes in hexadecimal digits, for matching what others computed.", `bytes.md5("abc") => "900150983cd24fb0d6963f7d28e17f72"`, tText).code(bindBytes),
		d("slice", "x bytes, start int64, n int64", "binary", "n bytes from position start on; a negative start counts from the end.", `cast(bytes.slice("weft", -3, 2), utf8) => "ef"`, tBinary).code(bindBytesSlice),
		d("get", "x bytes, i int64", "int64", "Byte i, from 0, or from the end when i is negative; null beyond.", `bytes.get("abc", -1) => 99`, tInt64).rule(null(tInt64)).code(bindBytesGet),
		d("concat", "x bytes…", "binary", "The bytes one after the other.", `bytes.hex(bytes.concat("a", binary("b"))) => "6162"`, tBinary).canFail(tooLong, nil).code(bindConcat),
	}
}

func mayBeNull(s *sig, in []operand) error {
	s.Out, s.Null = tText, true
	return nil
}

func padRule(s *sig, in []operand) error {
	s.Out = tText
	if f := in[2].Lit.S; utf8.RuneCountInString(f) != 1 {
		return fmt.Errorf("fill %q must be one character", f)
	}
	return nil
}

// layoutRule types the parsing of times. Layouts that nothing fits are found when rows are read.
func layoutRule(t dtype.Type) func(*sig, []operand) error {
	return func(s *sig, in []operand) error {
		s.Out = t
		if in[1].Lit.S == "" {
			return fmt.Errorf(`the layout is empty; want one like "2006-01-02" or "%%Y-%%m-%%d"`)
		}
		_, err := newTimeFormat(in[1].Lit.S)
		return err
	}
}
