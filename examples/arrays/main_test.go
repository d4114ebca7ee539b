package main

import (
	"context"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var b strings.Builder
	if err := run(context.Background(), &b, 20_000, 10); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"array (20000, 10) float64", "of 200000 numbers lies 5.35", "[1.000000 1.000000 1.000000]"} {
		if !strings.Contains(b.String(), s) {
			t.Errorf("no %q in\n%s", s, b.String())
		}
	}
}
