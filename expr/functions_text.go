package expr

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/weft-data/weft/dtype"
)

const tooLong = "a text of more than 16 MiB"

func textFns() []fn {
	test := func(name, doc, example string) fn {
		return define("str."+name, "x text, y text", "bool", doc, example).gives(tBool).code(bindTextTest)
	}
	return []fn{
		define("str.len", "x text", "int64", "Characters: Unicode code points, and every byte that is not UTF-8.", "str.len(name)").gives(tInt64).code(bindTextLen),
		define("str.bytes", "x bytes", "int64", "Bytes.", "str.bytes(name)").gives(tInt64).code(bindTextLen),
		test("contains", "True when y occurs in x.", `str.contains(name, "ab")`),
		test("starts_with", "True when x begins with y.", `str.starts_with(name, "ab")`),
		test("ends_with", "True when x ends with y.", `str.ends_with(name, "ab")`),
		define("str.like", "x text, pattern const text", "bool", "SQL pattern: % is any text, _ one character, a backslash takes the next as it is.",
			`str.like(name, "a%")`).gives(tBool).code(bindLike),
		define("str.match", "x text, re const text", "bool", "True when the RE2 expression matches somewhere.", `str.match(name, "^a+$")`).
			rule(matchRule).code(bindMatch),
		define("str.find", "x text, y text", "int64", "Position of the first y in x, in characters from 0; -1 when there is none.", `str.find(name, "b")`).
			gives(tInt64).code(bindFind),
		define("str.to_date", "x text, layout const text", "date", "Reads a date by a layout of Go's package time.", `str.to_date(name, "2006-01-02")`).
			rule(layoutRule(tDate)).canFail("text that does not fit the layout", nil).code(bindParseTime),
		define("str.to_timestamp", "x text, layout const text", "timestamp[us]", "Reads a timestamp by a layout of Go's package time; UTC when the layout has no zone.",
			`str.to_timestamp(name, "2006-01-02 15:04:05")`).rule(layoutRule(dtype.TimestampOf(dtype.Micro, ""))).
			canFail("text that does not fit the layout", nil).code(bindParseTime),
	}
}

func textBuildFns() []fn {
	d := func(name, params, doc, example string) fn {
		return define("str."+name, params, "utf8", doc, example).gives(tText)
	}
	return []fn{
		d("upper", "x text", "Upper case, character by character (Unicode).", "str.upper(name)").code(bindTextMap),
		d("lower", "x text", "Lower case, character by character (Unicode).", "str.lower(name)").code(bindTextMap),
		d("trim", "x text", "Without white space at both ends.", "str.trim(name)").code(bindTextMap),
		d("trim_left", "x text", "Without leading white space.", "str.trim_left(name)").code(bindTextMap),
		d("trim_right", "x text", "Without trailing white space.", "str.trim_right(name)").code(bindTextMap),
		d("replace", "x text, old text, new text", "Every old replaced by new; an empty old replaces nothing.", `str.replace(name, "a", "b")`).
			canFail(tooLong, nil).code(bindReplace),
		d("slice", "x text, start int64, n int64", "n characters from position start on; a negative start counts from the end.", "str.slice(name, 0, 3)").
			code(bindTextSlice),
		d("concat", "x text…", "The texts one after the other.", `str.concat(name, "-", name)`).canFail(tooLong, nil).code(bindConcat),
		d("split_part", "x text, sep text, i int64", "Part i, from 0, of x cut at sep; null when there are fewer or sep is empty.", `str.split_part(name, "-", 1)`).
			rule(mayBeNull).code(bindSplitPart),
		d("repeat", "x text, n int64", "x n times; empty when n is not positive.", "str.repeat(name, 2)").canFail(tooLong, nil).code(bindRepeat),
		d("pad_start", "x text, n int64, fill const text", "Filled up to n characters at the start with a character.", `str.pad_start(name, 8, "0")`).
			rule(padRule).canFail(tooLong, nil).code(bindPad),
		d("pad_end", "x text, n int64, fill const text", "Filled up to n characters at the end with a character.", `str.pad_end(name, 8, " ")`).
			rule(padRule).canFail(tooLong, nil).code(bindPad),
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

func matchRule(s *sig, in []operand) error {
	s.Out = tBool
	_, err := regexp.Compile(in[1].Lit.S)
	return err
}

// layoutRule types the parsing of times. Layouts that nothing fits are found when rows are read.
func layoutRule(t dtype.Type) func(*sig, []operand) error {
	return func(s *sig, in []operand) error {
		s.Out = t
		if in[1].Lit.S == "" {
			return fmt.Errorf(`the layout is empty; want one like "2006-01-02"`)
		}
		return nil
	}
}

// truncUnits are the units of date.truncate, finest first.
var truncUnits = []string{"second", "minute", "hour", "day", "week", "month", "quarter", "year"}

func truncRule(s *sig, in []operand) error {
	s.Out = in[0].T
	if u := in[1].Lit.S; !slices.Contains(truncUnits, u) {
		return fmt.Errorf("unknown unit %q, want one of %q", u, truncUnits)
	}
	return zoneRule(s, in)
}

// zoneRule checks the zone of a timestamp.
func zoneRule(s *sig, in []operand) error {
	_, err := location(in[0].T.Zone)
	return err
}

func dateFns() []fn {
	field := func(name, doc string) fn {
		return define("date."+name, "x time", "int64", doc, "date."+name+"(day)").rule(func(s *sig, in []operand) error {
			s.Out = tInt64
			return zoneRule(s, in)
		}).code(bindDateField)
	}
	return []fn{
		field("year", "The calendar year."),
		field("month", "The month, 1 to 12."),
		field("day", "The day of the month, 1 to 31."),
		field("hour", "The hour, 0 to 23."),
		field("minute", "The minute, 0 to 59."),
		field("second", "The second, 0 to 59."),
		field("weekday", "The ISO day of the week, 1 (Monday) to 7."),
		field("day_of_year", "The day of the year, 1 to 366."),
		field("week", "The ISO 8601 week, 1 to 53."),
		field("quarter", "The quarter, 1 to 4."),
		field("epoch", "Seconds since 1970-01-01T00:00:00Z, rounded down; of a date, of its midnight in UTC."),
		define("date.date", "x time", "date", "The calendar day.", "date.date(at)").rule(func(s *sig, in []operand) error {
			s.Out = tDate
			return zoneRule(s, in)
		}).canFail("a day beyond the range of dates", func(s *sig) bool { return s.In[0].Unit == dtype.Second && s.In[0].Kind == dtype.Timestamp }).code(bindToDate),
		define("date.truncate", "x time, unit const text", "the type of x",
			`Rounds down to a "second", "minute", "hour", "day", "week" (Monday), "month", "quarter" or "year".`,
			`date.truncate(at, "hour")`).rule(truncRule).canFail("a result before the range of the type", nil).code(bindTruncate),
		define("date.add_days", "x time, n int64", "the type of x", "n calendar days later; the time of day stays.", "date.add_days(day, 7)").
			rule(func(s *sig, in []operand) error { s.Out = in[0].T; return zoneRule(s, in) }).
			canFail("a result beyond the range of the type", nil).code(bindAddDays),
		define("date.format", "x time, layout const text", "utf8", "Text by a layout of Go's package time.", `date.format(day, "02.01.2006")`).
			rule(func(s *sig, in []operand) error { s.Out = tText; return zoneRule(s, in) }).code(bindFormat),
	}
}
