package op

import "context"

// A Folding is an aggregate of a user: a state that takes rows one by one, is merged
// with the states of other rows, and gives a result. Merge and Update must not
// depend on how rows are divided or ordered; states have canonical bytes.
type Folding[A, S, R any] struct {
	Init   func() S
	Update func(state S, row A) (S, error)
	Merge  func(a, b S) (S, error)
	Finish func(state S) (R, error)
}

// A Folded is a Folding as two functions: from rows to the state of them, and from
// states to the result.
type Folded[A, S, R any] struct {
	Rows   Fn[[]A, S]
	States Fn[[]S, R]
}

// Fold registers an aggregate under a name, for example "myapp/centroid". Call it
// from a package-level var. It panics as Func does.
func Fold[A, S, R any](name string, f Folding[A, S, R]) Folded[A, S, R] {
	return Folded[A, S, R]{Func(name+" of rows", f.rows), Func(name+" of states", f.states)}
}

// FoldClosure makes an aggregate of closures. It cannot leave this process.
func FoldClosure[A, S, R any](f Folding[A, S, R]) Folded[A, S, R] {
	return Folded[A, S, R]{Closure(f.rows), Closure(f.states)}
}

func (f Folding[A, S, R]) rows(_ context.Context, rows []A) (s S, err error) {
	s = f.Init()
	for _, r := range rows {
		if s, err = f.Update(s, r); err != nil {
			break
		}
	}
	return s, err
}

func (f Folding[A, S, R]) states(_ context.Context, states []S) (r R, err error) {
	s := f.Init()
	for i, x := range states {
		if i == 0 {
			s = x
		} else if s, err = f.Merge(s, x); err != nil {
			return r, err
		}
	}
	return f.Finish(s)
}
