package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"time"
)

// A use is what a piece of work took.
type use struct {
	Wall float64 `json:"wall"` // seconds
	CPU  float64 `json:"cpu"`  // seconds of user and system time of all threads
}

// measure runs f and returns what it took.
func measure(f func() error) (use, error) {
	cpu, start := cpuTime(), time.Now()
	err := f()
	return use{time.Since(start).Seconds(), (cpuTime() - cpu).Seconds()}, err
}

// status reads a figure of this process in bytes, such as VmHWM, the largest
// resident size so far; 0 where the system does not tell.
func status(name string) int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name+":"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}

// resetPeak makes VmHWM begin at the present size, so that making the tables does
// not count.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
