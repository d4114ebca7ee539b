package op

import (
	"context"
	"testing"
)

type counted struct{ left, back int }

func (c *counted) Leave() { c.left++ }
func (c *counted) Back()  { c.back++ }

// Waiting finds the slot in contexts made of that of the task, and none where there is none, or beside the function.
func TestWaiting(t *testing.T) {
	c := &counted{}
	own := context.WithValue(context.Background(), SlotKey{}, Slot(c))
	made, end := context.WithCancel(own)
	end()
	back := Waiting(made)
	if *c != (counted{1, 0}) {
		t.Error("it waits: ", *c)
	}
	if back(); *c != (counted{1, 1}) {
		t.Error("it goes on: ", *c)
	}
	for _, ctx := range []context.Context{context.Background(), Apart(own), Apart(Apart(made)), Apart(context.Background())} {
		Waiting(ctx)()
	}
	if *c != (counted{1, 1}) {
		t.Error("others wait: ", *c)
	}
	if Apart(made).Err() == nil {
		t.Error("beside the function its context does not end")
	}
}
