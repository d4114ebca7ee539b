package cpu

import "golang.org/x/sys/cpu"

var hasVBMI2 = cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VBMI2

func detect() Level {
	x := &cpu.X86
	if !(x.HasAVX2 && x.HasFMA && x.HasBMI1 && x.HasBMI2 && x.HasPOPCNT && x.HasPCLMULQDQ) {
		return Generic
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL {
		return AVX512
	}
	return AVX2
}
