package main

import (
	"os"
	"strings"
	"testing"
)

func Example() {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	main()
	// Output:
	// ┌────────┬─────────┬───────┐
	// │ city   │    fare │ trips │
	// ├────────┼─────────┼───────┤
	// │ utf8   │ float64 │ int64 │
	// ├────────┼─────────┼───────┤
	// │ Oslo   │   248.5 │     3 │
	// │ Tromsø │     210 │     1 │
	// │ Bergen │  144.25 │     2 │
	// └────────┴─────────┴───────┘
	// 3 rows × 3 columns
}

// TestReadme holds the program in the README to the one that runs.
func TestReadme(t *testing.T) {
	root := "../.."
	if _, err := os.Stat("README.md"); err == nil { // Example went there
		root = "."
	}
	readme, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(root + "/examples/quickstart/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(program), "package main")
	if !strings.Contains(string(readme), "```go\npackage main"+code+"```\n") {
		t.Error("README.md does not have the text of examples/quickstart/main.go")
	}
}
