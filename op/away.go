package op

import "context"

// A Slot is the thread that a task takes from others, as the context of its functions has it under SlotKey. Leave gives it
// to others, Back takes it again. Several goroutines of a function may wait: the thread is with others while one of them does.
type Slot interface {
	Leave()
	Back()
}

// SlotKey is the key of the Slot in the context of a task that has one.
type SlotKey struct{}

// Waiting says that a function with this context begins to wait for other tasks, which may need the thread it runs on, and
// that it goes on when back is called. Where the runner lends no threads meanwhile nothing happens.
//
//	defer op.Waiting(ctx)()
//	<-done
func Waiting(ctx context.Context) (back func()) {
	s, ok := ctx.Value(SlotKey{}).(Slot)
	if !ok {
		return func() {}
	}
	s.Leave()
	return s.Back
}

// Apart returns ctx without its Slot, for what goes on beside the function that has it.
func Apart(ctx context.Context) context.Context {
	if ctx.Value(SlotKey{}) == nil {
		return ctx
	}
	return context.WithValue(ctx, SlotKey{}, nil)
}
