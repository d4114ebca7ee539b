// Package cpu says which instruction set the kernels of this process use.
//
// The level is chosen once, when the process starts, from what the processor and the operating system
// offer. The environment variable WEFT_ISA (generic, avx2 or avx512) lowers it: tests use that to run
// every level on one machine, and a cluster to give all workers the same one. A value that is unknown, or
// names a level this machine lacks, is not obeyed: the best level is used and Err says what was wrong, so
// that a command can print the line and go on.
package cpu

import (
	"fmt"
	"os"
)

// EnvISA is the name of the environment variable that lowers the level.
const EnvISA = "WEFT_ISA"

// Level is an instruction set that kernels are written for. Levels are ordered: a machine that has one has
// all lower ones.
type Level uint8

const (
	// Generic is plain Go, the same on every architecture.
	Generic Level = iota
	// AVX2 needs AVX2, FMA, BMI1, BMI2, POPCNT and PCLMULQDQ (amd64).
	AVX2
	// AVX512 needs all of AVX2 and AVX-512 F, BW, DQ and VL.
	AVX512
)

var names = [...]string{Generic: "generic", AVX2: "avx2", AVX512: "avx512"}

// String returns the name that WEFT_ISA uses.
func (l Level) String() string {
	if int(l) < len(names) {
		return names[l]
	}
	return fmt.Sprintf("cpu.Level(%d)", uint8(l))
}

// Parse returns the level with the given name.
func Parse(name string) (Level, error) {
	for l, s := range names {
		if s == name {
			return Level(l), nil
		}
	}
	return Generic, fmt.Errorf("unknown instruction set %q: want generic, avx2 or avx512", name)
}

var (
	best     = detect()
	isa, err = choose(os.Getenv(EnvISA), best)
)

// choose applies the request (empty: none) to what the machine has.
func choose(request string, best Level) (Level, error) {
	if request == "" {
		return best, nil
	}
	want, err := Parse(request)
	if err != nil {
		return best, fmt.Errorf("%s: %w; using %s", EnvISA, err, best)
	}
	if want > best {
		return best, fmt.Errorf("%s: this machine has no %s; using %s", EnvISA, want, best)
	}
	return want, nil
}

// ISA returns the level in use. It never changes during the life of the process.
func ISA() Level { return isa }

// Best returns the highest level the machine has, whatever WEFT_ISA says.
func Best() Level { return best }

// VBMI2 reports whether the level in use is AVX512 and the machine also has VBMI and VBMI2 (byte compress).
func VBMI2() bool { return isa == AVX512 && hasVBMI2 }

// Err returns one line that says why WEFT_ISA was not obeyed, or nil.
func Err() error { return err }

// String names the level in use and, when it was lowered, the best one: "avx512", "avx2 (best avx512)".
func String() string { return describe(isa, best) }

func describe(isa, best Level) string {
	if isa == best {
		return isa.String()
	}
	return fmt.Sprintf("%s (best %s)", isa, best)
}
