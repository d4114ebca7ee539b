package expr

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A timeFormat is a layout of Go's package time, or the codes of strftime.
type timeFormat struct {
	layout string
	items  []timeItem // nil for a layout of Go
	dated  bool       // some code asks for the year, the month or the day
}

// A timeItem is literal text (code 0) or one code.
type timeItem struct {
	text  string
	code  byte
	plain bool // without padding: %-d
	width int  // digits of %f
}

// A wallTime is what a format writes.
type wallTime struct {
	day, sec, nano int64
	unix, offset   int64 // seconds since the epoch, seconds east of UTC
	loc            *time.Location

	year        int64 // of the day, where the format is dated
	month, date int
}

// strftimeCodes are the single codes; the others stand for several of them.
const strftimeCodes = "YmdHIMSfyBbhaAApjezsuwVGqZ"

var strftimeShort = map[byte]string{'F': "%Y-%m-%d", 'T': "%H:%M:%S", 'R': "%H:%M", 'D': "%m/%d/%y", 'n': "\n", 't': "\t", 'L': "%3f"}

// newTimeFormat reads a format: codes when there is a % in it.
func newTimeFormat(s string) (*timeFormat, error) {
	if !strings.Contains(s, "%") {
		return &timeFormat{layout: s}, nil
	}
	f := &timeFormat{items: []timeItem{}}
	if err := f.read(s); err != nil {
		return nil, fmt.Errorf("layout %q: %w", s, err)
	}
	return f, nil
}

func (f *timeFormat) read(s string) error {
	for s != "" {
		lit, rest, code := strings.Cut(s, "%")
		if lit != "" {
			f.items = append(f.items, timeItem{text: lit})
		}
		if !code {
			return nil
		}
		it := timeItem{width: 6}
		if strings.HasPrefix(rest, "-") {
			it.plain, rest = true, rest[1:]
		}
		if len(rest) > 1 && strings.IndexByte("369", rest[0]) >= 0 && rest[1] == 'f' {
			it.width, rest = int(rest[0]-'0'), rest[1:]
		}
		if rest == "" {
			return fmt.Errorf("it ends with %%")
		}
		it.code, s = rest[0], rest[1:]
		switch {
		case it.code == '%':
			f.items = append(f.items, timeItem{text: "%"})
		case strftimeShort[it.code] != "":
			if err := f.read(strftimeShort[it.code]); err != nil {
				return err
			}
		case strings.IndexByte(strftimeCodes, it.code) < 0:
			return fmt.Errorf("unknown code %%%c, want one of %%%s", it.code, strings.Join(strings.Split("YmdeyHIMSfpjBbaAuwVGqszZFTRDL", ""), " %"))
		default:
			f.items = append(f.items, it)
			f.dated = f.dated || strings.IndexByte("YymdejqBbh", it.code) >= 0
		}
	}
	return nil
}

// field returns the number that a code writes, and its width.
func (w *wallTime) field(code byte) (v int64, width int) {
	switch code {
	case 'Y':
		return w.year, 4
	case 'y':
		return floorMod(w.year, 100), 2
	case 'm', 'B', 'b', 'h':
		return int64(w.month), 2
	case 'd', 'e':
		return int64(w.date), 2
	case 'j':
		return w.day - dayOf(w.year, 1, 1) + 1, 3
	case 'q':
		return int64(w.month+2) / 3, 1
	case 'H':
		return w.sec / 3600, 2
	case 'I':
		return (w.sec/3600+11)%12 + 1, 2
	case 'M':
		return w.sec / 60 % 60, 2
	case 'S':
		return w.sec % 60, 2
	case 'u', 'a', 'A':
		return weekday(w.day), 1
	case 'w':
		return weekday(w.day) % 7, 1
	case 'V':
		return isoWeek(w.day), 2
	case 'G':
		return dateFields["date.iso_year"](w.day, 0), 4
	}
	return w.unix, 1
}

// append writes a time.
func (f *timeFormat) append(dst []byte, w wallTime) []byte {
	if f.dated {
		w.year, w.month, w.date = civil(w.day)
	}
	for _, it := range f.items {
		if it.code == 0 {
			dst = append(dst, it.text...)
			continue
		}
		v, width := w.field(it.code)
		switch it.code {
		case 'B':
			dst = append(dst, time.Month(v).String()...)
		case 'b', 'h':
			dst = append(dst, time.Month(v).String()[:3]...)
		case 'A':
			dst = append(dst, time.Weekday(v%7).String()...)
		case 'a':
			dst = append(dst, time.Weekday(v % 7).String()[:3]...)
		case 'p':
			dst = append(dst, [2]string{"AM", "PM"}[w.sec/43200]...)
		case 'f':
			n := w.nano
			for range 9 - it.width {
				n /= 10
			}
			dst = appendPadded(dst, n, it.width)
		case 'z':
			off, sign := w.offset, byte('+')
			if off < 0 {
				off, sign = -off, '-'
			}
			dst = appendPadded(appendPadded(append(dst, sign), off/3600, 2), off/60%60, 2)
		case 'Z':
			name, _ := time.Unix(w.unix, 0).In(w.loc).Zone()
			dst = append(dst, name...)
		case 'e':
			if v < 10 && !it.plain {
				dst = append(dst, ' ')
			}
			dst = strconv.AppendInt(dst, v, 10)
		default:
			if it.plain {
				width = 1
			}
			if v < 0 {
				dst, v = append(dst, '-'), -v
			}
			dst = appendPadded(dst, v, width)
		}
	}
	return dst
}

// A readTime gathers what a format reads.
type readTime struct {
	year, month, day, yearDay int64
	hour, min, sec, nano      int64
	offset, unix              int64
	pm, half, isUnix          bool
}

// parse reads a time: seconds since the epoch and the fraction. What the format
// does not have is that of 1970-01-01 00:00:00 UTC.
func (f *timeFormat) parse(s string) (sec, nano int64, ok bool) {
	t := readTime{year: 1970, month: 1, day: 1}
	for _, it := range f.items {
		if it.code == 0 {
			if !strings.HasPrefix(s, it.text) {
				return 0, 0, false
			}
			s = s[len(it.text):]
			continue
		}
		if s, ok = t.read(it, s); !ok {
			return 0, 0, false
		}
	}
	if s != "" {
		return 0, 0, false
	}
	return t.instant()
}

// instant checks the parts and joins them.
func (t *readTime) instant() (sec, nano int64, ok bool) {
	if t.isUnix {
		return t.unix, t.nano, true
	}
	if t.half {
		if t.hour < 1 || t.hour > 12 {
			return 0, 0, false
		}
		t.hour %= 12
		if t.pm {
			t.hour += 12
		}
	}
	if t.month < 1 || t.month > 12 || t.hour > 23 || t.min > 59 || t.sec > 59 {
		return 0, 0, false
	}
	day := dayOf(t.year, int(t.month), 1)
	if t.day < 1 || t.day > monthEnd(day)-day+1 {
		return 0, 0, false
	}
	day += t.day - 1
	if t.yearDay > 0 {
		first := dayOf(t.year, 1, 1)
		if t.yearDay > dayOf(t.year+1, 1, 1)-first {
			return 0, 0, false
		}
		day = first + t.yearDay - 1
	}
	return day*secondsPerDay + t.hour*3600 + t.min*60 + t.sec - t.offset, t.nano, true
}

// number2 reads up to n digits, all of them when fixed.
func number2(s string, n int, fixed bool) (v int64, rest string, ok bool) {
	k := 0
	for k < len(s) && k < n && s[k]-'0' <= 9 {
		v = v*10 + int64(s[k]-'0')
		k++
	}
	return v, s[k:], k == n || k > 0 && !fixed
}

// nameOf reads one of names, whole or its first three letters, in any case, and
// returns its place from 1.
func nameOf(s string, n int, name func(i int) string) (int64, string, bool) {
	for i := 1; i <= n; i++ {
		for _, w := range []string{name(i), name(i)[:3]} {
			if len(s) >= len(w) && strings.EqualFold(s[:len(w)], w) {
				return int64(i), s[len(w):], true
			}
		}
	}
	return 0, s, false
}

func (t *readTime) read(it timeItem, s string) (rest string, ok bool) {
	two := func(v *int64) (string, bool) {
		*v, rest, ok = number2(s, 2, !it.plain)
		return rest, ok
	}
	switch it.code {
	case 'Y':
		neg := strings.HasPrefix(s, "-")
		t.year, rest, ok = number2(strings.TrimPrefix(s, "-"), 4, !it.plain)
		if neg {
			t.year = -t.year
		}
		return rest, ok
	case 'y':
		if rest, ok = two(&t.year); t.year < 69 {
			t.year += 100
		}
		t.year += 1900
		return rest, ok
	case 'm':
		return two(&t.month)
	case 'd':
		return two(&t.day)
	case 'e':
		t.day, rest, ok = number2(strings.TrimPrefix(s, " "), 2, false)
		return rest, ok
	case 'H':
		return two(&t.hour)
	case 'I':
		t.half = true
		return two(&t.hour)
	case 'M':
		return two(&t.min)
	case 'S':
		return two(&t.sec)
	case 'j':
		t.yearDay, rest, ok = number2(s, 3, !it.plain)
		return rest, ok && t.yearDay > 0
	case 'f':
		t.nano, rest, ok = number2(s, 9, false)
		for range 9 - (len(s) - len(rest)) {
			t.nano *= 10
		}
		return rest, ok
	case 'p':
		if len(s) < 2 || !strings.EqualFold(s[:2], "am") && !strings.EqualFold(s[:2], "pm") {
			return s, false
		}
		t.pm = s[0]|0x20 == 'p'
		return s[2:], true
	case 'B', 'b', 'h':
		t.month, rest, ok = nameOf(s, 12, func(i int) string { return time.Month(i).String() })
		return rest, ok
	case 'A', 'a':
		_, rest, ok = nameOf(s, 7, func(i int) string { return time.Weekday(i % 7).String() })
		return rest, ok
	case 'z':
		n := 0
		for n < len(s) && strings.IndexByte("+-:Z0123456789", s[n]) >= 0 && n < 6 {
			n++
		}
		t.offset, ok = parseOffset(s[:n])
		return s[n:], ok
	case 's':
		n := 0
		for n < len(s) && (s[n]-'0' <= 9 || n == 0 && s[n] == '-') {
			n++
		}
		v, err := strconv.ParseInt(s[:n], 10, 64)
		t.unix, t.isUnix = v, true
		return s[n:], err == nil && v < 1<<42 && v > -1<<42
	}
	return s, false // weeks and names of zones say nothing by themselves
}
