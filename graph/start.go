package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
)

// An Option changes how a plan runs, never what it returns.
type Option func(*Request)

// WithProgress has f called a few times a second while the plan runs.
func WithProgress(f func(Progress)) Option {
	return func(r *Request) { r.Progress = f }
}

// Without leaves out passes of the optimizer, by name.
func Without(passes ...string) Option {
	return func(r *Request) { r.Off = append(r.Off, passes...) }
}

// Each hands a request with its options to a runner, calls f for every block it
// delivers, releases the block, and returns the report of the job, also of one that
// failed. The error of f ends the job.
func Each(ctx context.Context, r Runner, q Request, opts []Option, f func(Delivered) error) (rep Report, err error) {
	if r == nil {
		return rep, errors.New("no runner: give local.New(local.Options{}) or a cluster client")
	}
	if ctx == nil {
		return rep, errors.New("no context: give context.Background() or the like")
	}
	for _, o := range opts {
		if o != nil {
			o(&q)
		}
	}
	j, err := r.Start(ctx, q)
	if err != nil {
		return rep, err
	}
	defer func() {
		if e := j.Close(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	for {
		d, err := j.Next(ctx)
		if err == io.EOF {
			return j.Report(), nil
		}
		if err == nil {
			err = f(d)
			d.Value.Release()
		}
		if err != nil {
			return j.Report(), err
		}
	}
}

// Caller is the file:line of the first caller outside of a package, given by the
// end of its path ("weft/frame"): the user's line for messages and Layer.Origin.
// Tests of the package count as users.
func Caller(pkg string) string {
	pc := make([]uintptr, 24)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for {
		f, more := frames.Next()
		within := strings.Contains(f.Function, pkg+".") || strings.Contains(f.Function, "weft/graph.")
		if f.Function != "" && (!within || strings.HasSuffix(f.File, "_test.go")) {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		if !more {
			return ""
		}
	}
}

// Mistake is an error of a verb of a package with the user's line.
func Mistake(pkg, verb string, err error) error {
	if at := Caller(pkg); at != "" {
		return fmt.Errorf("%s: %s: %w", at, verb, err)
	}
	return fmt.Errorf("%s: %w", verb, err)
}
