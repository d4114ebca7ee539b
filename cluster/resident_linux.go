package cluster

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// resident returns the bytes of the process that are in memory and not of files; 0 if that is not known.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(b))
	if err != nil || len(f) < 3 {
		return 0
	}
	all, err1 := strconv.ParseInt(f[1], 10, 64)
	files, err2 := strconv.ParseInt(f[2], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return (all - files) * int64(os.Getpagesize())
}

// A cgroup is what the process shares a limit with (version 2 of control groups).
type cgroup struct {
	dir   string
	limit int64 // 0 means none
}

// ownGroup returns the cgroup of the process, if it has a limit.
func ownGroup() (g cgroup) {
	limit, err := memlimit.FromCgroup()
	if err != nil || limit == 0 || limit > 1<<50 {
		return g
	}
	b, err := os.ReadFile("/proc/self/cgroup")
	path, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "0::")
	if err != nil || !ok {
		return g
	}
	g = cgroup{dir: filepath.Join("/sys/fs/cgroup", path), limit: int64(limit)}
	if g.used() == 0 {
		return cgroup{}
	}
	return g
}

// used returns what the group has in memory, but for pages of files that can go at once; 0 if that is
// not known.
func (g *cgroup) used() int64 {
	b, err := os.ReadFile(filepath.Join(g.dir, "memory.current"))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0
	}
	b, _ = os.ReadFile(filepath.Join(g.dir, "memory.stat"))
	for line := range strings.Lines(string(b)) {
		if name, rest, _ := strings.Cut(line, " "); name == "inactive_file" || name == "active_file" {
			if k, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64); err == nil {
				n -= k
			}
		}
	}
	return n
}
