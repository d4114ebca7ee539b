//go:build !amd64

package cpu

const hasVBMI2 = false

func detect() Level { return Generic }
