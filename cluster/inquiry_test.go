package cluster

import (
	"context"
	"testing"

	"github.com/weft-data/weft/cluster/wire"
)

// TestQuestionsAreAskedOnce: a question and a plan from before the scheduler's welcome go
// out with it and not once more, those without an answer go out on the next stream, and
// each answer is for its question.
func TestQuestionsAreAskedOnce(t *testing.T) {
	sent := map[wire.Kind]int{}
	stream := func() *link {
		return newLink(func(b *[]byte) error {
			_, _, rest, err := wire.Open(*b)
			for r := (wire.Record{}); len(rest) > 0 && err == nil; sent[r.Kind]++ {
				rest, err = wire.Next(rest, &r)
			}
			return err
		})
	}
	c := &Client{line: &line{}, link: stream(), done: make(chan struct{}), news: make(chan struct{}), jobs: map[int32]*clientJob{}, asked: map[int32]*clientJob{}}
	c.asked[1] = &clientJob{c: c, bytes: []byte("plan")}
	welcome := wire.Record{Kind: wire.Welcome, Data: wire.Encode(wire.Reply{Version: wire.Version, Cluster: 1})}
	hear := func(r *wire.Record) {
		t.Helper()
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.hear(r); err != nil {
			t.Fatal(err)
		}
	}
	waits := func(n int) func() bool {
		return func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.finds.open) == n }
	}
	got := make([]chan string, 2)
	ask := func(i int, name string) {
		got[i] = make(chan string, 1)
		go func() {
			b, err := c.ask(context.Background(), &c.finds, wire.Record{Kind: wire.Find, Text: name})
			if err != nil {
				t.Error(err)
			}
			got[i] <- string(b)
		}()
	}
	ask(0, "a")
	Until(t, "a question waits", waits(1))
	hear(&welcome)
	hear(&welcome)
	ask(1, "b")
	Until(t, "two questions wait", waits(2))
	c.cut().close()
	if sent[wire.Find] != 2 || sent[wire.Submit] != 1 {
		t.Errorf("%d questions, %d plans were sent, want 2 and 1", sent[wire.Find], sent[wire.Submit])
	}
	c.joined(stream())
	hear(&welcome)
	for i, answer := range []string{"of a", "of b"} {
		hear(&wire.Record{Kind: wire.Found, Bytes: int64(len(answer)), Data: []byte(answer)})
		if x := <-got[i]; x != answer {
			t.Errorf("question %d has the answer %q", i, x)
		}
	}
	c.cut().close()
	if sent[wire.Find] != 4 || sent[wire.Submit] != 2 {
		t.Errorf("%d questions, %d plans were sent on two streams, want 4 and 2", sent[wire.Find], sent[wire.Submit])
	}
}
