package graph

import (
	"fmt"
	"testing"
)

func TestReportPrints(t *testing.T) {
	r := Report{Before: "sort\n  read\n", After: "top\n"}
	if got, want := fmt.Sprint(r), "as built\nsort\n  read\n\nas run\ntop\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
