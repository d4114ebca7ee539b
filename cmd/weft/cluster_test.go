package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"runtime"
	"testing"
)

// TestClusterUp brings a cluster up as a user does, asks for its state, runs the
// demo on it and ends it with Ctrl-C.
func TestClusterUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted from here")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GOMAXPROCS", "4")
	up, _, _ := process(t, "cluster", "up", "-n", "2", "--memory", "256MiB", "--listen", "127.0.0.1:0", "--json")
	up.Stderr = nil
	log, err := up.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	defer up.Process.Kill()
	var line struct{ Msg, Scheduler string }
	for s := bufio.NewScanner(log); line.Scheduler == "" && s.Scan(); {
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", s.Bytes(), err)
		}
	}
	run := func(into any, args ...string) {
		p, out, errs := process(t, args...)
		if code := exit(t, p.Run()); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errs)
		}
		if err := json.Unmarshal(out.Bytes(), into); err != nil {
			t.Fatalf("%v: %s: %v", args, out, err)
		}
	}
	var state struct{ Workers []struct{ Slots int } }
	run(&state, "status", "--scheduler", line.Scheduler, "--json")
	if len(state.Workers) != 2 || state.Workers[0].Slots != 2 || state.Workers[1].Slots != 2 {
		t.Errorf("4 threads for 2 workers: %+v", state)
	}
	var here, there struct{ Checksum string }
	run(&here, "demo", "--rows", "20000", "--json")
	run(&there, "demo", "--rows", "20000", "--json", "--scheduler", line.Scheduler)
	if here.Checksum == "" || here != there {
		t.Errorf("checksum %q here, %q on the cluster", here.Checksum, there.Checksum)
	}
	if err := up.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, log)
	if code := exit(t, up.Wait()); code != 0 && code != 1 {
		t.Errorf("exit %d after Ctrl-C", code)
	}
	if p, _, errs := process(t, "status", "--scheduler", line.Scheduler); exit(t, p.Run()) != 1 {
		t.Errorf("the scheduler lives on: %s", errs)
	}
}
