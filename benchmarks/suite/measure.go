package suite

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"time"
)

// A use is what a piece of work took.
type use struct {
	Wall   float64 `json:"wall"`             // seconds
	CPU    float64 `json:"cpu"`              // seconds of user and system time of all threads
	Others float64 `json:"others,omitempty"` // CPU seconds of everything else on the machine; 0 where that is not known
}

// quiet reports that other work took little of the machine: less than 5 % of a
// processor, or a tick of the clock that counts it.
func (u use) quiet() bool { return u.Others <= max(0.05*u.Wall, 0.02) }

// measure runs f and returns what it took.
func measure(f func() error) (use, error) {
	cpu, all, start := cpuTime(), machineTime(), time.Now()
	err := f()
	u := use{Wall: time.Since(start).Seconds(), CPU: (cpuTime() - cpu).Seconds()}
	u.Others = max(0, machineTime()-all-u.CPU)
	return u, err
}

// machineTime is the CPU seconds all processors have worked, or waited for the
// machine below them; 0 where the system does not tell.
func machineTime() float64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	sum := 0.0
	for i, s := range strings.Fields(line) {
		// cpu user nice system idle iowait irq softirq steal: hundredths of a second.
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0
		}
		sum += x / 100
	}
	return sum
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
