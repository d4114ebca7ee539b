package main

import (
	"io"
	"os"
	"sync"
	"testing"

	"github.com/weft-data/weft/graph"
)

// TestBarEnds ends bars whenever their drawing may have come to: at once, as when a plan is refused, and later.
func TestBarEnds(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			opt, done := newBar(io.Discard, "reading")
			var q graph.Request
			opt(&q)
			for range i % 3 {
				q.Progress(graph.Progress{Fraction: 0.5, Rows: 3})
			}
			done()
		})
	}
	wg.Wait()
}

// TestTerminal finds that the null device, which is a device too, is no terminal.
func TestTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if isTerminal(f) {
		t.Error("a bar would be drawn on the null device")
	}
}
