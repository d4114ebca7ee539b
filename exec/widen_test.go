package exec

import (
	"testing"

	"github.com/weft-data/weft/op"
)

type wideFeed struct {
	op.Feed
	rows int
}

func (f *wideFeed) Widen(rows int) { f.rows = rows }

type sharing struct {
	op.Stage
	yes bool
}

func (s sharing) Sharing() bool { return s.yes }

// TestWiden holds that morsels are large where threads share each of them, and nowhere else.
func TestWiden(t *testing.T) {
	for _, c := range []struct {
		threads int
		entry   int
		want    int
	}{{2, 0, 0}, {2, 1, sharedRows}, {1, 1, 0}, {2, 2, 0}, {2, 3, 0}} {
		p := &pipeline{t: &task{seat: seat{account: account{n: &Node{threads: c.threads}}}}, stages: []op.Stage{nil, sharing{yes: true}, sharing{}}}
		f := &wideFeed{}
		if p.widen(f, c.entry); f.rows != c.want {
			t.Errorf("%d threads, stage %d: told %d rows, want %d", c.threads, c.entry, f.rows, c.want)
		}
	}
}
