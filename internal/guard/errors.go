package guard

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// ErrCorrupt marks every error that says the bytes break the format.
var ErrCorrupt = errors.New("corrupt data")

// ErrUnsupported marks every error that says the bytes are well formed but use something this build cannot
// read: an encryption, a codec, an encoding, a type.
var ErrUnsupported = errors.New("unsupported")

// ErrLimit marks every error that says a bound of Limits was reached.
var ErrLimit = errors.New("limit exceeded")

// Error is what every reader and writer of this package returns: the place, then the reason.
// RowGroup is -1 and Column is empty where the fault belongs to the whole file.
type Error struct {
	File     string
	RowGroup int
	Column   string
	Err      error
}

// Error gives "file: row group 2: column a.b: reason".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.RowGroup >= 0 {
		fmt.Fprintf(&b, ": row group %d", e.RowGroup)
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ": column %s", e.Column)
	}
	at := ": " + e.File + ": " // errors of remote files say it too
	return b.String() + strings.ReplaceAll(": "+e.Err.Error(), at, ": ")
}

// Unwrap gives the reason, so that errors.Is finds ErrCorrupt, ErrUnsupported, ErrLimit and I/O errors.
func (e *Error) Unwrap() error { return e.Err }

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

func overLimit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrLimit, fmt.Sprintf(format, args...))
}

// caught runs f and turns a panic of the code below into a corrupt-data error with the place of the panic.
func caught(what string, f func() error) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if e, ok := r.(error); ok {
			err = fmt.Errorf("%w: %s: %w%s", ErrCorrupt, what, e, panicSite())
			return
		}
		err = corrupt("%s: %v%s", what, r, panicSite())
	}()
	return f()
}

// panicSite names the innermost function outside the runtime, which tells a known Arrow fault from a new one.
func panicSite() string {
	var pcs [32]uintptr
	n := runtime.Callers(4, pcs[:])
	frames := runtime.CallersFrames(pcs[:n])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return " (in " + f.Function[strings.LastIndexByte(f.Function, '/')+1:] + ")"
		}
		if !more {
			return ""
		}
	}
}

// Limits bound what a file may make the reader allocate. A zero field means its default. The bytes of a Parquet page are
// bounded by the allocator they come from and by what its compressed bytes can hold.
type Limits struct {
	// Footer is the largest Parquet footer or IPC message header in bytes; default 64 MiB.
	Footer int64
	// PageValues is the largest number of values one Parquet page may claim; default 1<<26. A run-length page
	// of a few bytes can claim 2^31.
	PageValues int64
	// Batch is the largest number of bytes one column of one record may reach by repeating a dictionary entry
	// or a long value; the batch is made shorter to keep it. Default 256 MiB.
	Batch int64
	// Body is the largest IPC message body in bytes, also after decompression; default 2 GiB.
	Body int64
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, d int64) {
		if *p <= 0 {
			*p = d
		}
	}
	set(&l.Footer, 64<<20)
	set(&l.PageValues, 1<<26)
	set(&l.Batch, 256<<20)
	set(&l.Body, 2<<30)
	return l
}
