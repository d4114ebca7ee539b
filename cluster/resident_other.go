//go:build !linux

package cluster

// Elsewhere nobody tells what a process has in memory without C.
func resident() int64 { return 0 }

type cgroup struct{ limit int64 }

func ownGroup() cgroup        { return cgroup{} }
func (g *cgroup) used() int64 { return 0 }
