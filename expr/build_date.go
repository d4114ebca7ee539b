package expr

// ISOYear is the year of the ISO 8601 week.
func (t Times) ISOYear() Expr { return call("date.iso_year", t.e) }

// DaysInMonth is the days that the month has.
func (t Times) DaysInMonth() Expr { return call("date.days_in_month", t.e) }

// Millisecond is the milliseconds of the second.
func (t Times) Millisecond() Expr { return call("date.millisecond", t.e) }

// Microsecond is the microseconds of the second.
func (t Times) Microsecond() Expr { return call("date.microsecond", t.e) }

// Nanosecond is the nanoseconds of the second.
func (t Times) Nanosecond() Expr { return call("date.nanosecond", t.e) }

// EpochMs is the milliseconds since 1970-01-01T00:00:00Z, rounded down.
func (t Times) EpochMs() Expr { return call("date.epoch_ms", t.e) }

// EpochUs is the microseconds since 1970-01-01T00:00:00Z, rounded down.
func (t Times) EpochUs() Expr { return call("date.epoch_us", t.e) }

// EpochNs is the nanoseconds since 1970-01-01T00:00:00Z.
func (t Times) EpochNs() Expr { return call("date.epoch_ns", t.e) }

// IsLeapYear is true in years of 366 days.
func (t Times) IsLeapYear() Expr { return call("date.is_leap_year", t.e) }

// Diff is the whole units from other to the time.
func (t Times) Diff(other any, unit string) Expr { return call("date.diff", t.e, other, unit) }

// Time is the time of day.
func (t Times) Time() Expr { return call("date.time", t.e) }

// LastDay is the last day of the month.
func (t Times) LastDay() Expr { return call("date.last_day", t.e) }

// AddMonths adds n calendar months: the same day, or the last of a shorter month.
func (t Times) AddMonths(n any) Expr { return call("date.add_months", t.e, n) }

// Add adds n units: days and longer by the calendar, shorter ones by the clock that never jumps.
func (t Times) Add(n any, unit string) Expr { return call("date.add", t.e, n, unit) }

// ToZone is the same instant in another time zone.
func (t Times) ToZone(zone string) Expr { return call("date.to_zone", t.e, zone) }

// ReplaceZone is the same wall clock in another time zone.
func (t Times) ReplaceZone(zone string) Expr { return call("date.replace_zone", t.e, zone) }

// FromEpoch is the timestamp so many "s", "ms", "us" or "ns" after 1970-01-01T00:00:00Z.
func (e Expr) FromEpoch(unit string) Expr { return call("date.from_epoch", e, unit) }

// MakeDate is a calendar day; null when there is none such.
func MakeDate(year, month, day any) Expr { return call("date.make", year, month, day) }

// Spans is the functions of durations; see Expr.Dur.
type Spans struct{ e Expr }

// Dur gives the functions of durations.
func (e Expr) Dur() Spans { return Spans{e} }

// In is how many units the duration is, with their fraction; units up to weeks.
func (s Spans) In(unit string) Expr { return call("duration.in", s.e, unit) }

// Whole is how many whole units the duration is, cut toward zero.
func (s Spans) Whole(unit string) Expr { return call("duration.whole", s.e, unit) }

// DurationOf is n units up to weeks.
func DurationOf(n any, unit string) Expr { return call("duration.of", n, unit) }
