// Levels prints the instruction set levels of this machine, lowest first, one per line.
package main

import (
	"fmt"

	"github.com/weft-data/weft/internal/cpu"
)

func main() {
	for l := cpu.Generic; l <= cpu.Best(); l++ {
		fmt.Println(l)
	}
}
