package cpu

import (
	"os"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		request string
		best    Level
		want    Level
		message string
	}{
		{"", AVX512, AVX512, ""},
		{"", Generic, Generic, ""},
		{"generic", AVX512, Generic, ""},
		{"avx2", AVX512, AVX2, ""},
		{"avx512", AVX512, AVX512, ""},
		{"avx512", AVX2, AVX2, "WEFT_ISA: this machine has no avx512; using avx2"},
		{"avx2", Generic, Generic, "WEFT_ISA: this machine has no avx2; using generic"},
		{"AVX2", AVX512, AVX512, `WEFT_ISA: unknown instruction set "AVX2": want generic, avx2 or avx512; using avx512`},
		{"neon", Generic, Generic, `WEFT_ISA: unknown instruction set "neon": want generic, avx2 or avx512; using generic`},
	} {
		got, err := choose(c.request, c.best)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if got != c.want || message != c.message {
			t.Errorf("choose(%q, %v) = %v, %q; want %v, %q", c.request, c.best, got, message, c.want, c.message)
		}
		if strings.Contains(message, "\n") {
			t.Errorf("choose(%q, %v): message has more than one line", c.request, c.best)
		}
	}
}

func TestLevelNames(t *testing.T) {
	for l := Generic; l <= AVX512; l++ {
		if got, err := Parse(l.String()); got != l || err != nil {
			t.Errorf("Parse(%q) = %v, %v", l.String(), got, err)
		}
	}
	if got := Level(9).String(); got != "cpu.Level(9)" {
		t.Errorf("Level(9).String() = %q", got)
	}
	if got := describe(AVX2, AVX512); got != "avx2 (best avx512)" {
		t.Errorf("describe = %q", got)
	}
	if got := describe(AVX2, AVX2); got != "avx2" {
		t.Errorf("describe = %q", got)
	}
}

func TestProcess(t *testing.T) {
	if ISA() > Best() {
		t.Errorf("ISA() = %v is above Best() = %v", ISA(), Best())
	}
	if VBMI2() && ISA() != AVX512 {
		t.Errorf("VBMI2 at level %v", ISA())
	}
	if want, err := Parse(os.Getenv(EnvISA)); err == nil && want <= Best() && (ISA() != want || Err() != nil) {
		t.Errorf("%s=%v: ISA() = %v, Err() = %v", EnvISA, want, ISA(), Err())
	}
	if !strings.HasPrefix(String(), ISA().String()) {
		t.Errorf("String() = %q at level %v", String(), ISA())
	}
}
