package cluster

import (
	"os/exec"
	"syscall"
)

// dieTogether has the system end a child when this process is killed, and keeps
// Ctrl-C at the terminal from reaching it directly.
func dieTogether(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
