package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/script"
)

// The input lines are events: action, package, test ("-" for none), and quoted or plain output after that. Lines that
// start with ! arrive as they are.
func TestTally(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T, d *script.Stanza) string {
		if d.Cmd != "tally" {
			t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
		}
		var in, out strings.Builder
		for _, l := range d.Lines() {
			if raw, ok := strings.CutPrefix(l, "!"); ok {
				in.WriteString(raw + "\n")
				continue
			}
			w := strings.SplitN(l, " ", 4)
			e := event{Action: w[0], Package: w[1], Test: strings.TrimPrefix(w[2], "-")}
			if len(w) > 3 {
				e.Output = w[3] + "\n"
			}
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			in.Write(append(text, '\n'))
		}
		c := newTally(&out)
		c.read(strings.NewReader(in.String()))
		file := filepath.Join(t.TempDir(), "counts")
		for range 2 { // the second time appends
			if err := c.save(file); err != nil {
				t.Fatal(err)
			}
		}
		saved, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		one, two, _ := strings.Cut(strings.TrimSpace(string(saved)), "\n")
		if one != two {
			t.Fatalf("saved %q", saved)
		}
		return fmt.Sprintf("%spassed failed skipped: %s, good %v", out.String(), one, c.good())
	})
}
