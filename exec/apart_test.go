package exec

import (
	"testing"

	"github.com/weft-data/weft/op"
)

type stretchFeed struct{ op.Feed }

func (stretchFeed) Contiguous() bool { return true }

type plainStage struct{ op.Stage }

type stretchStage struct{ op.Stage }

func (stretchStage) Contiguous() bool { return true }

type serialStage struct{ op.Stage }

func (serialStage) Serial() bool { return true }

// TestApart holds who has threads read stretches: a stage always, a feed where no stage wants its splits in order.
func TestApart(t *testing.T) {
	for _, c := range []struct {
		feed   op.Feed
		stages []op.Stage
		want   bool
	}{
		{&wideFeed{}, []op.Stage{plainStage{}}, false},
		{&wideFeed{}, []op.Stage{plainStage{}, stretchStage{}}, true},
		{stretchFeed{}, []op.Stage{plainStage{}}, true},
		{stretchFeed{}, []op.Stage{plainStage{}, serialStage{}}, false},
	} {
		p := &pipeline{stages: c.stages}
		if got := p.apart(c.feed, 0); got != c.want {
			t.Errorf("%T before %T: %v, want %v", c.feed, c.stages[len(c.stages)-1], got, c.want)
		}
	}
}
