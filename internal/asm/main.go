// Command asm writes the amd64 assembly of the packages beside it and its Go declarations.
//
// Run it in its own folder: `go run .`. It is a module of its own, so that the assembler it uses (avo) is no
// dependency of the house. What each loop computes is said by the Go loop of the same name or purpose in the package; here
// is only how. Families are files: a family F becomes zz_F_amd64.s and zz_F_amd64.go.
//
// No kernel reads or writes outside of what it is told of; vector state is cleared (VZEROUPPER) before every return.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/weft-data/weft/internal/asm/kernel"
	"github.com/weft-data/weft/internal/asm/vec"
)

func main() {
	flags := flag.NewFlagSet("asm", flag.ExitOnError) // the assembler has taken the names of the common set
	out := flags.String("out", "..", "folder of the packages")
	_ = flags.Parse(os.Args[1:])
	if err := generate(*out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// generate writes the files of all packages into their folders, which lie in one folder.
func generate(folder string) error {
	if err := kernel.Generate(folder); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	if err := vec.Generate(folder); err != nil {
		return fmt.Errorf("vec: %w", err)
	}
	return nil
}
