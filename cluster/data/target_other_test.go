//go:build !linux

package data

// ranAsTarget is for systems that bound the address space of a process.
func ranAsTarget() bool { return false }
