package expr

// Text is the functions of text; see Expr.Str.
type Text struct{ e Expr }

// Str gives the functions of text.
func (e Expr) Str() Text { return Text{e} }

// Len counts characters (Unicode code points; a byte that is not UTF-8 counts as one).
func (t Text) Len() Expr { return call("str.len", t.e) }

// Bytes counts bytes.
func (t Text) Bytes() Expr { return call("str.bytes", t.e) }

// Upper maps to upper case.
func (t Text) Upper() Expr { return call("str.upper", t.e) }

// Lower maps to lower case.
func (t Text) Lower() Expr { return call("str.lower", t.e) }

// Trim removes white space at both ends.
func (t Text) Trim() Expr { return call("str.trim", t.e) }

// TrimLeft removes leading white space.
func (t Text) TrimLeft() Expr { return call("str.trim_left", t.e) }

// TrimRight removes trailing white space.
func (t Text) TrimRight() Expr { return call("str.trim_right", t.e) }

// Contains is true when sub occurs.
func (t Text) Contains(sub any) Expr { return call("str.contains", t.e, sub) }

// StartsWith is true when the text begins with prefix.
func (t Text) StartsWith(prefix any) Expr { return call("str.starts_with", t.e, prefix) }

// EndsWith is true when the text ends with suffix.
func (t Text) EndsWith(suffix any) Expr { return call("str.ends_with", t.e, suffix) }

// Replace replaces every occurrence of old by new.
func (t Text) Replace(old, new any) Expr { return call("str.replace", t.e, old, new) }

// Slice is n characters from character start on; a negative start counts from
// the end.
func (t Text) Slice(start, n any) Expr { return call("str.slice", t.e, start, n) }

// Concat joins text to its end; null when any of them is.
func (t Text) Concat(vs ...any) Expr { return call("str.concat", append([]any{t.e}, vs...)...) }

// SplitPart is part i, counted from 0, of the text cut at sep; null when there
// are fewer.
func (t Text) SplitPart(sep, i any) Expr { return call("str.split_part", t.e, sep, i) }

// Repeat repeats the text n times.
func (t Text) Repeat(n any) Expr { return call("str.repeat", t.e, n) }

// PadStart fills up to n characters at the start with the character fill.
func (t Text) PadStart(n any, fill string) Expr { return call("str.pad_start", t.e, n, fill) }

// PadEnd fills up to n characters at the end with the character fill.
func (t Text) PadEnd(n any, fill string) Expr { return call("str.pad_end", t.e, n, fill) }

// Like matches a constant SQL pattern: % for any text, _ for one character,
// backslash before either for itself.
func (t Text) Like(pattern string) Expr { return call("str.like", t.e, pattern) }

// Match is true when the constant RE2 expression matches somewhere.
func (t Text) Match(re string) Expr { return call("str.match", t.e, re) }

// Find is the position, in characters from 0, of the first sub, or -1.
func (t Text) Find(sub any) Expr { return call("str.find", t.e, sub) }

// ToDate reads a date by a layout of package time ("2006-01-02"); text that does
// not fit is an error.
func (t Text) ToDate(layout string) Expr { return call("str.to_date", t.e, layout) }

// ToTimestamp reads a timestamp in microseconds by a layout of package time; text
// that does not fit is an error. Without a zone in the layout it is UTC.
func (t Text) ToTimestamp(layout string) Expr { return call("str.to_timestamp", t.e, layout) }

// Times is the functions of dates and timestamps; see Expr.Dt.
type Times struct{ e Expr }

// Dt gives the functions of dates and timestamps.
func (e Expr) Dt() Times { return Times{e} }

// Year is the calendar year.
func (t Times) Year() Expr { return call("date.year", t.e) }

// Month is the month, 1 to 12.
func (t Times) Month() Expr { return call("date.month", t.e) }

// Day is the day of the month, 1 to 31.
func (t Times) Day() Expr { return call("date.day", t.e) }

// Hour is the hour, 0 to 23.
func (t Times) Hour() Expr { return call("date.hour", t.e) }

// Minute is the minute, 0 to 59.
func (t Times) Minute() Expr { return call("date.minute", t.e) }

// Second is the second, 0 to 59.
func (t Times) Second() Expr { return call("date.second", t.e) }

// Weekday is the ISO day of the week, 1 (Monday) to 7.
func (t Times) Weekday() Expr { return call("date.weekday", t.e) }

// DayOfYear is the day of the year, 1 to 366.
func (t Times) DayOfYear() Expr { return call("date.day_of_year", t.e) }

// Week is the ISO 8601 week number, 1 to 53.
func (t Times) Week() Expr { return call("date.week", t.e) }

// Quarter is the quarter, 1 to 4.
func (t Times) Quarter() Expr { return call("date.quarter", t.e) }

// Date is the calendar day.
func (t Times) Date() Expr { return call("date.date", t.e) }

// Truncate rounds down to a unit: "second", "minute", "hour", "day", "week" (Monday),
// "month", "quarter" or "year".
func (t Times) Truncate(unit string) Expr { return call("date.truncate", t.e, unit) }

// Spans is the list of the time itself and of the later ones, before to, at which
// Truncate begins another multiple of the unit.
func (t Times) Spans(to any, unit string) Expr { return call("date.spans", t.e, to, unit) }

// AddDays adds n calendar days; the time of day stays.
func (t Times) AddDays(n any) Expr { return call("date.add_days", t.e, n) }

// Epoch is the seconds since 1970-01-01T00:00:00Z, rounded down.
func (t Times) Epoch() Expr { return call("date.epoch", t.e) }

// Format writes by a layout of package time.
func (t Times) Format(layout string) Expr { return call("date.format", t.e, layout) }
