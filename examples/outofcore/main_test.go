package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestSameAnswerWithAndWithoutSpilling(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 30 MB of data")
	}
	var out bytes.Buffer
	if err := run(context.Background(), &out, 900_000); err != nil {
		t.Fatal(err)
	}
	roomy, cramped, ok := strings.Cut(out.String(), "budget 96 MiB, spilled: true\n")
	roomy, was := strings.CutPrefix(roomy, "budget 4096 MiB, spilled: false\n")
	if !ok || !was || roomy != cramped || !strings.Contains(roomy, "3 rows × 5 columns") {
		t.Errorf("got\n%s", out.String())
	}
}
