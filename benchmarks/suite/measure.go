package suite

import (
	"bufio"
	"fmt"
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

// processes are the numbers of those that work for a case: this one, and those it has
// started. Of the others nothing is known where the system is not Linux.
type processes []int

// measure runs f and returns what it took.
func (ps processes) measure(f func() error) (use, error) {
	cpu, all, start := ps.cpu(), machineTime(), time.Now()
	err := f()
	u := use{Wall: time.Since(start).Seconds(), CPU: (ps.cpu() - cpu).Seconds()}
	u.Others = max(0, machineTime()-all-u.CPU)
	return u, err
}

// cpu is the time that the threads of the processes have run.
func (ps processes) cpu() time.Duration {
	sum := cpuTime()
	for _, p := range ps {
		if p != os.Getpid() {
			sum += timeOf(p)
		}
	}
	return sum
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

// status adds up a figure of the processes in bytes, such as VmHWM, the largest
// resident size so far; 0 where the system does not tell.
func (ps processes) status(name string) (sum int64) {
	for _, p := range ps {
		f, err := os.Open(fmt.Sprintf("/proc/%d/status", p))
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			if rest, ok := strings.CutPrefix(s.Text(), name+":"); ok {
				kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				sum += kb << 10
			}
		}
		f.Close()
	}
	return sum
}

// resetPeak makes VmHWM begin at the present size, so that making the tables does
// not count.
func (ps processes) resetPeak() {
	for _, p := range ps {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p), []byte("5"), 0)
	}
}
