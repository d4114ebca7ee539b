package array_test

import (
	"flag"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/script"
	"github.com/weft-data/weft/sched/local"
)

var seed = flag.Uint64("seed", 1, "of TestRefusedAtRandom")

// TestRefusedAtRandom runs the scripts while memory is refused now and then, as if others had taken the last of it:
// the answer is right, or the error says that memory was short, and nothing is handed out at the end.
func TestRefusedAtRandom(t *testing.T) {
	effort.Long(t, "refuses memory one piece at a time")
	if script.Rewriting() {
		t.Skip("answers are written by TestScripts")
	}
	rnd := rand.New(rand.NewPCG(*seed, 99))
	done, all := 0, 0
	script.RunEach(t, filepath.Join("testdata", "*.txt"), func(t *testing.T) script.Handler {
		return func(t *testing.T, d *script.Stanza) string {
			if d.Cmd != "run" || rnd.IntN(effort.Of(1, 4)) > 0 {
				return d.Want
			}
			r := local.New(local.Options{Threads: 1 + rnd.IntN(3), Pool: 64 << 20, SpillDir: t.TempDir()})
			h := &hall{room: room{name: "refused"}, r: r}
			one := 4 << rnd.IntN(6)
			var mu sync.Mutex
			f := func() bool { mu.Lock(); defer mu.Unlock(); return rnd.IntN(one) == 0 }
			mem.Refuse(f)
			got := h.stanza(t, d)
			mem.Refuse(nil)
			if err := r.Close(); err != nil {
				t.Errorf("%s: %v", d.Pos, err)
			}
			all++
			if strings.HasPrefix(got, "error: ") && strings.HasSuffix(got, mem.ErrBudget.Error()) {
				return d.Want
			}
			done++
			return got
		}
	})
	if done < all/4 {
		t.Errorf("%d of %d ended with an answer", done, all)
	}
}
