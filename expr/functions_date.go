package expr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weft-data/weft/dtype"
)

// A period is a number of calendar or clock units: months, or days, or nanoseconds.
type period struct{ months, days, nanos int64 }

// periods are the units that times are cut to and counted in.
var periods = map[string]period{
	"nanosecond": {nanos: 1}, "microsecond": {nanos: 1e3}, "millisecond": {nanos: 1e6}, "second": {nanos: 1e9}, "minute": {nanos: 60e9}, "hour": {nanos: 3600e9},
	"day": {days: 1}, "week": {days: 7}, "month": {months: 1}, "quarter": {months: 3}, "year": {months: 12}, "decade": {months: 120}, "century": {months: 1200},
}

// unitNames lists the units in messages.
var unitNames = []string{"nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century"}

// truncUnits are the plain units of date.truncate that tests draw from.
var truncUnits = []string{"second", "minute", "hour", "day", "week", "month", "quarter", "year"}

// shortUnits are the short names that follow a number at once: "15m", "1mo".
var shortUnits = map[string]string{"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second", "m": "minute", "min": "minute", "h": "hour",
	"d": "day", "w": "week", "mo": "month", "q": "quarter", "y": "year"}

// periodOf reads "month", "months", "15 minutes" or "15m".
func periodOf(s string) (period, error) {
	n, name := int64(1), s
	if unit := strings.TrimLeft(s, "0123456789"); unit != s {
		v, err := strconv.ParseInt(s[:len(s)-len(unit)], 10, 64)
		if err != nil || v < 1 || v > 1_000_000 {
			return period{}, fmt.Errorf("unit %q: want a number of 1 to 1000000 before the unit", s)
		}
		n, name = v, strings.TrimPrefix(unit, " ")
		if long, ok := shortUnits[unit]; ok {
			name = long
		}
	}
	p, ok := periods[name]
	if !ok {
		p, ok = periods[strings.TrimSuffix(name, "s")]
	}
	if !ok {
		return period{}, fmt.Errorf("unknown unit %q, want one of %q, or several of one like %q or %q", s, unitNames, "15 minutes", "15m")
	}
	if p.nanos > 0 && n > (1<<63-1)/p.nanos {
		return period{}, fmt.Errorf("unit %q is longer than 292 years", s)
	}
	return period{p.months * n, p.days * n, p.nanos * n}, nil
}

// unitArg checks that argument k is a unit.
func unitArg(k int, rule func(s *sig, in []operand) error) func(s *sig, in []operand) error {
	return func(s *sig, in []operand) error {
		if _, err := periodOf(in[k].Lit.S); err != nil {
			return err
		}
		return rule(s, in)
	}
}

// sameTime is the rule of functions whose result has the type of the time x.
func sameTime(s *sig, in []operand) error {
	s.Out = in[0].T
	return zoneRule(s, in)
}

// zoneRule checks the zone of a timestamp.
func zoneRule(s *sig, in []operand) error {
	_, err := Location(in[0].T.Zone)
	return err
}

func fixedZone(t dtype.Type) func(s *sig, in []operand) error {
	return func(s *sig, in []operand) error {
		s.Out = t
		return zoneRule(s, in)
	}
}

const outsideRange = "a result beyond the range of the type"

func dateFns() []fn {
	field := func(name, takes, doc, example string) fn {
		return define("date."+name, "x "+takes, "int64", doc, "date."+name+"("+example).rule(fixedZone(tInt64)).code(bindDateField)
	}
	at := func(gives string) string { return `timestamp[ms]("2024-05-01 12:30:45.678")) => ` + gives }
	epoch := func(name, doc, example string) fn {
		return define("date."+name, "x time", "int64", doc, example).rule(fixedZone(tInt64)).canFail(outsideRange, nil).code(bindEpoch)
	}
	return []fn{
		field("year", "time", "The calendar year.", at("2024")),
		field("iso_year", "time", "The year of the ISO 8601 week.", `date("2024-12-30")) => 2025`),
		field("quarter", "time", "The quarter, 1 to 4.", at("2")),
		field("month", "time", "The month, 1 to 12.", at("5")),
		field("week", "time", "The ISO 8601 week, 1 to 53.", at("18")),
		field("day", "time", "The day of the month, 1 to 31.", at("1")),
		field("weekday", "time", "The ISO day of the week, 1 (Monday) to 7.", at("3")),
		field("day_of_year", "time", "The day of the year, 1 to 366.", at("122")),
		field("days_in_month", "time", "The days that the month has.", `date("2024-02-10")) => 29`),
		field("hour", "moment", "The hour, 0 to 23.", at("12")),
		field("minute", "moment", "The minute, 0 to 59.", at("30")),
		field("second", "moment", "The second, 0 to 59.", at("45")),
		field("millisecond", "moment", "The milliseconds of the second, 0 to 999.", at("678")),
		field("microsecond", "moment", "The microseconds of the second, 0 to 999999.", at("678000")),
		field("nanosecond", "moment", "The nanoseconds of the second, 0 to 999999999.", at("678000000")),
		field("epoch", "time", "Seconds since 1970-01-01T00:00:00Z, rounded down; of a date, of its midnight in UTC.", at("1714566645")),
		epoch("epoch_ms", "Milliseconds since 1970-01-01T00:00:00Z, rounded down.", "date.epoch_ms("+at("1714566645678")),
		epoch("epoch_us", "Microseconds since 1970-01-01T00:00:00Z, rounded down.", "date.epoch_us("+at("1714566645678000")),
		epoch("epoch_ns", "Nanoseconds since 1970-01-01T00:00:00Z.", "date.epoch_ns("+at("1714566645678000000")),
		define("date.is_leap_year", "x time", "bool", "True in years of 366 days.", `date.is_leap_year(date("2024-05-01")) => true`).rule(fixedZone(tBool)).code(bindLeapYear),
		define("date.diff", "x any, y any, unit const text", "int64", "Whole units from y to x, negative when x is earlier; calendar units by the wall clock.",
			`date.diff(date("2024-03-30"), date("2024-01-31"), "month") => 1`).rule(diffRule).code(bindDiff),
	}
}

func dateBuildFns() []fn {
	d := func(name, params, result, doc, example string) fn {
		return define("date."+name, params, result, doc, example)
	}
	return []fn{
		d("date", "x time", "date", "The calendar day.", `date.date(timestamp[s]("2024-05-01 12:30:00")) => 2024-05-01`).rule(fixedZone(tDate)).
			canFail("a day beyond the range of dates", func(s *sig) bool { return s.In[0].Unit == dtype.Second && s.In[0].Kind == dtype.Timestamp }).code(bindToDate),
		d("time", "x instant", "time of the unit of x", "The time of day.", `date.time(timestamp[s]("2024-05-01 12:30:00")) => 12:30:00`).
			rule(func(s *sig, in []operand) error { s.Out = dtype.TimeOf(in[0].T.Unit); return zoneRule(s, in) }).code(bindTimeOfDay),
		d("truncate", "x time, unit const text", "the type of x", `Rounds down to a unit, "nanosecond" to "century" (weeks begin on Monday), or to multiples like "15 minutes" or "15m", counted from 1970-01-01 `+
			`(weeks, also as 7 days, from the Monday before, months and years from the year 0).`, `date.truncate(timestamp[s]("2024-05-01 12:44:10"), "15 minutes") => 2024-05-01 12:30:00`).
			rule(unitArg(1, sameTime)).canFail("a result before the range of the type", nil).code(bindTruncate),
		d("spans", "from any, to any, unit const text", "a list of times", "The first time, and the later ones before the second at which date.truncate begins another multiple of the unit.",
			`date.spans(date("2024-05-20"), date("2024-07-01"), "month") => ["2024-05-20", "2024-06-01"]`).
			rule(spansRule).canFail("more than 2^22 times", nil).code(bindSpans),
		d("last_day", "x time", "date", "The last day of the month.", `date.last_day(date("2024-02-10")) => 2024-02-29`).rule(fixedZone(tDate)).canFail(outsideRange, nil).code(bindToDate),
		d("add_days", "x time, n int64", "the type of x", "n calendar days later; the time of day stays.", `date.add_days(date("2024-02-28"), 2) => 2024-03-01`).
			rule(sameTime).canFail(outsideRange, nil).code(bindAddDays),
		d("add_months", "x time, n int64", "the type of x", "n calendar months later: the same day, or the last of a shorter month.", `date.add_months(date("2024-01-31"), 1) => 2024-02-29`).
			rule(sameTime).canFail(outsideRange, nil).code(bindAddUnits),
		d("add", "x time, n int64, unit const text", "the type of x", "n units later: days and longer by the calendar, shorter ones by the clock that never jumps.",
			`date.add(timestamp[s]("2024-05-01 12:00:00"), -90, "minute") => 2024-05-01 10:30:00`).rule(unitArg(2, addUnitsRule)).canFail(outsideRange, nil).code(bindAddUnits),
		d("to_zone", "x instant, zone const text", "a timestamp with the zone", `The same instant in another time zone; "" is none.`,
			`date.to_zone(timestamp[s]("2024-05-01 12:00:00"), "Europe/Berlin") => 2024-05-01 14:00:00+02:00`).rule(zoneArg).code(bindToZone),
		d("replace_zone", "x instant, zone const text", "a timestamp with the zone", `The same wall clock in another time zone; "" is none. A time that the zone skips is taken with the offset before, one that occurs twice is the earlier.`,
			`date.replace_zone(timestamp[s]("2024-05-01 12:00:00"), "Asia/Tokyo") => 2024-05-01 12:00:00+09:00`).rule(zoneArg).canFail(outsideRange, nil).code(bindToZone),
		d("format", "x time, layout const text", "utf8", "Text by a layout of Go's package time, or by strftime codes when there is a % in it.", `date.format(date("2024-05-01"), "%d.%m.%Y") => "01.05.2024"`).
			rule(func(s *sig, in []operand) error {
				s.Out = tText
				if _, err := newTimeFormat(in[1].Lit.S); err != nil {
					return err
				}
				return zoneRule(s, in)
			}).code(bindFormat),
		d("make", "year int64, month int64, day int64", "date", "A calendar day; null when there is none such.", `date.make(2024, 2, 30) => null`).
			rule(func(s *sig, in []operand) error { s.Out, s.Null = tDate, true; return nil }).code(bindMakeDate),
		d("from_epoch", "x int64, unit const text", "a timestamp", `The timestamp so many "s", "ms", "us" or "ns" after 1970-01-01T00:00:00Z.`, `date.from_epoch(1714566645, "s") => 2024-05-01 12:30:45`).
			rule(fromEpochRule).code(func(*binding) (code, error) { return copyFixed, nil }),
	}
}

func fromEpochRule(s *sig, in []operand) error {
	for u := dtype.Second; u <= dtype.Nano; u++ {
		if u.String() == in[1].Lit.S {
			s.Out = dtype.TimestampOf(u, "")
			return nil
		}
	}
	return fmt.Errorf(`unknown unit %q, want "s", "ms", "us" or "ns"`, in[1].Lit.S)
}

func addUnitsRule(s *sig, in []operand) error {
	if p, _ := periodOf(in[2].Lit.S); p.nanos > 0 && in[0].T.Kind == dtype.Date {
		return fmt.Errorf("%q cannot be added to a date; cast it to a timestamp", in[2].Lit.S)
	}
	return sameTime(s, in)
}

func spansRule(s *sig, in []operand) error {
	t, err := cmpType(in[0], in[1])
	if err == nil && !isTime(t.Kind) {
		err = fmt.Errorf("takes dates or timestamps, got %s", t)
	}
	if err != nil {
		return err
	}
	p, err := periodOf(in[2].Lit.S)
	if err == nil && p.nanos > 0 && t.Kind == dtype.Date {
		err = fmt.Errorf("dates have no spans of %q; cast them to timestamps", in[2].Lit.S)
	}
	if err == nil {
		_, err = Location(t.Zone)
	}
	s.In[0], s.In[1], s.Out = t, t, dtype.ListOf(t)
	return err
}

func zoneArg(s *sig, in []operand) error {
	zone := in[1].Lit.S
	s.Out = dtype.TimestampOf(in[0].T.Unit, zone)
	if _, err := Location(zone); err != nil {
		return err
	}
	return zoneRule(s, in)
}

func diffRule(s *sig, in []operand) error {
	t, err := cmpType(in[0], in[1])
	if err == nil && !isTime(t.Kind) && t != tNull {
		err = fmt.Errorf("takes dates or timestamps, got %s", t)
	}
	if err == nil {
		_, err = periodOf(in[2].Lit.S)
	}
	s.In[0], s.In[1], s.Out = t, t, tInt64
	return err
}

func clockFns() []fn {
	return []fn{
		define("duration.in", "x duration, unit const text", "float64", "How many units the duration is, with their fraction; units up to weeks.",
			`duration.in(duration[s]("36h"), "day") => 1.5`).rule(durationRule(tFloat64)).code(bindDurationIn),
		define("duration.whole", "x duration, unit const text", "int64", "How many whole units the duration is, cut toward zero; units up to weeks.",
			`duration.whole(duration[s]("-36h"), "day") => -1`).rule(durationRule(tInt64)).canFail(outsideRange, nil).code(bindDurationIn),
		define("duration.of", "n int64, unit const text", "a duration", "n units up to weeks, in seconds or the finer unit.", `duration.of(90, "minute") => 1h30m`).
			rule(durationOfRule).canFail(outsideRange, nil).code(bindDurationOf),
	}
}

// exactUnit returns the nanoseconds of a unit that has always the same length.
func exactUnit(s string) (int64, error) {
	p, err := periodOf(s)
	if err == nil && p.months > 0 {
		err = fmt.Errorf("a %s has no fixed length; want units up to weeks", s)
	}
	if p.days > 100_000 {
		err = fmt.Errorf("unit %q is longer than 292 years", s)
	}
	return p.nanos + p.days*secondsPerDay*1_000_000_000, err
}

func durationRule(t dtype.Type) func(s *sig, in []operand) error {
	return func(s *sig, in []operand) error {
		s.Out = t
		_, err := exactUnit(in[1].Lit.S)
		return err
	}
}

func durationOfRule(s *sig, in []operand) error {
	n, err := exactUnit(in[1].Lit.S)
	u := dtype.Second
	for u < dtype.Nano && n%(1_000_000_000/u.PerSecond()) != 0 {
		u++
	}
	s.Out = dtype.DurationOf(u)
	return err
}
