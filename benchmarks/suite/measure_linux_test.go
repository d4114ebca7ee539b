package suite

import (
	"os/exec"
	"testing"
	"time"
)

// The time of a process that was started counts, in parts of a hundredth of a second.
func TestTimeOfAnotherProcess(t *testing.T) {
	c := exec.Command("sh", "-c", "while :; do :; done")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	own := cpuTime()
	for range 2000 {
		time.Sleep(5 * time.Millisecond)
		all := processes{c.Process.Pid}.cpu()
		if ran := timeOf(c.Process.Pid); ran > 0 && ran%(10*time.Millisecond) != 0 && all-own >= ran {
			return
		}
	}
	t.Errorf("after ten seconds it has run %v", timeOf(c.Process.Pid))
}
