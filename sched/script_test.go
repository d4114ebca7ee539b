package sched_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/script"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/sim"
)

// TestScripts runs testdata: one State per file, one event or question per stanza.
//
//	submit J prio=P labels=BITS resources=N,N…   input: layers as in sim.Scenario
//	extend J                  input: "set L n=N in=EDGES" lines, then layers
//	up W session=S slots=N queue=N mem=B labels=BITS resources=N,N…      down W session=S        mem W paused now=N bytes=B spilled=B
//	moved W session=S at=V bytes=B nanos=N now=N      links W
//	done J TASK… | started | returned | failed class=C retryable dep=BLOCK at=W | fetch-failed dep=BLOCK at=W
//	held J TASK n=N w=W session=S | missing J TASK w=W
//	running J TASK w=W session=S away | away J TASK… | back | read J TASK n=N
//	consumed J TASK n=N       enough J L      cancel J        tick N      withdraw J TASK n=N
//	story J TASK              wake            progress J
//
// Reports are those of the attempt that runs, unless w=, session= or try= say otherwise. Every event is followed by Check.
func TestScripts(t *testing.T) {
	script.RunEach(t, "testdata/*.txt", func(t *testing.T) script.Handler {
		m := &machine{st: sched.New(sched.Options{Story: 1000})}
		return m.command
	})
}

type machine struct{ st *sched.State }

func (m *machine) command(t *testing.T, d *script.Stanza) string {
	args := d.Words()
	num := func(i int) int32 {
		if i >= len(args) {
			t.Fatalf("%s: a number is missing", d.Pos)
		}
		n, err := strconv.Atoi(args[i])
		if err != nil {
			t.Fatal(d.Pos, err)
		}
		return int32(n)
	}
	opt := func(key string) int64 { return int64(d.Int(t, key, 0)) }
	switch d.Cmd {
	case "up":
		return m.step(sched.Event{Kind: sched.WorkerUp, Worker: sched.WorkerID(num(0)), Session: sched.Session(d.Int(t, "session", 1)),
			Slots: int32(d.Int(t, "slots", 1)), Queue: int32(opt("queue")), Bytes: opt("mem"), Bandwidth: opt("bandwidth"), Labels: uint64(opt("labels")), Resources: resources(t, d)})
	case "down":
		return m.step(sched.Event{Kind: sched.WorkerDown, Worker: sched.WorkerID(num(0)), Session: sched.Session(d.Int(t, "session", 1)), Code: opt("code")})
	case "mem":
		return m.step(sched.Event{Kind: sched.Mem, Worker: sched.WorkerID(num(0)), Session: sched.Session(d.Int(t, "session", 1)),
			Paused: d.Has("paused"), Now: opt("now"), Bytes: opt("bytes"), Spilled: opt("spilled")})
	case "moved":
		return m.step(sched.Event{Kind: sched.Moved, Worker: sched.WorkerID(num(0)), Session: sched.Session(d.Int(t, "session", 1)),
			DepWorker: sched.WorkerID(d.Int(t, "at", 0)), Bytes: opt("bytes"), Nanos: opt("nanos"), Now: opt("now")})
	case "links":
		out := ""
		for _, l := range m.st.Links(sched.WorkerID(num(0)), nil) {
			out += fmt.Sprintf("from w%d %.0f\n", l.From, l.Rate)
		}
		return out
	case "submit":
		sc, err := sim.ParseScenario("job prio=" + d.Str("prio", "0") + "\n" + d.Input)
		if err != nil {
			t.Fatal(d.Pos, err)
		}
		sc.Plans[0].Spec.Labels, sc.Plans[0].Spec.Resources = uint64(opt("labels")), *resources(t, d)
		return m.step(sched.Event{Kind: sched.Submit, Job: sched.JobID(num(0)), Spec: &sc.Plans[0].Spec})
	case "extend":
		return m.extend(t, d, sched.JobID(num(0)))
	case "enough":
		return m.step(sched.Event{Kind: sched.Enough, Job: sched.JobID(num(0)), Layer: sched.LayerID(num(1))})
	case "cancel":
		return m.step(sched.Event{Kind: sched.Cancel, Job: sched.JobID(num(0))})
	case "tick":
		return m.step(sched.Event{Kind: sched.Tick, Now: int64(num(0))})
	case "wake":
		at, ok := m.st.Wake()
		return fmt.Sprintln(at, ok)
	case "progress":
		return m.progress(sched.JobID(num(0)))
	case "story":
		out := ""
		b := block(t, d, args[1])
		for _, e := range m.st.Story(sched.JobID(num(0)), b.Layer, b.Block) {
			out += e.String() + "\n"
		}
		return out
	}
	return m.report(t, d, sched.JobID(num(0)), args[1:])
}

func block(t *testing.T, d *script.Stanza, s string) (b sched.Block) {
	if _, err := fmt.Sscanf(s, "%d[%d]", &b.Layer, &b.Block); err != nil {
		t.Fatalf("%s: %q is not layer[block]: %v", d.Pos, s, err)
	}
	return b
}

// resources reads how many there are of each kind.
func resources(t *testing.T, d *script.Stanza) *sched.Resources {
	r := &sched.Resources{}
	for i, w := range strings.FieldsFunc(d.Str("resources", ""), func(c rune) bool { return c == ',' }) {
		n, err := strconv.Atoi(w)
		if err != nil || i >= len(r) {
			t.Fatal(d.Pos, "resources", err)
		}
		r[i] = int32(n)
	}
	return r
}

// report sends what a worker or reader says of tasks.
func (m *machine) report(t *testing.T, d *script.Stanza, j sched.JobID, tasks []string) string {
	kind := sched.Submit
	for k := sched.Submit; k <= sched.Back; k++ {
		if k.String() == d.Cmd {
			kind = k
		}
	}
	if kind == sched.Submit {
		t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
	}
	out := ""
	for _, s := range tasks {
		if s == "retryable" || s == "away" {
			continue
		}
		b := block(t, d, s)
		w, ses, try, _ := sched.RunsOn(m.st, j, b)
		ev := sched.Event{Kind: kind, Job: j, Layer: b.Layer, Block: b.Block, N: int32(d.Int(t, "n", 1)), Worker: sched.WorkerID(d.Int(t, "w", int(w))),
			Session: sched.Session(d.Int(t, "session", max(int(ses), 1))), Attempt: sched.Attempt(d.Int(t, "try", int(try))),
			Bytes: int64(d.Int(t, "bytes", 100)), Rows: int64(d.Int(t, "rows", 10)), Nanos: int64(d.Int(t, "nanos", 0)), Retryable: d.Has("retryable"), Away: d.Has("away"), Code: int64(d.Int(t, "code", 0))}
		if dep, ok := d.Lookup("dep"); ok {
			ev.Dep, ev.DepWorker = block(t, d, dep), sched.WorkerID(d.Int(t, "at", 0))
		}
		for c := sched.User; d.Str("class", "user") != ev.Class.String(); c++ {
			ev.Class = c
		}
		out += m.step(ev)
	}
	return out
}

func (m *machine) extend(t *testing.T, d *script.Stanza, j sched.JobID) string {
	x := &sched.Extension{}
	have := len(m.st.Progress(j))
	text := "job\n"
	for i := range have {
		text += fmt.Sprintln(i, "n=0")
	}
	for _, line := range d.Lines() {
		f := strings.Fields(line)
		if f[0] != "set" {
			text += line + "\n"
			continue
		}
		var s sched.Late
		_, err := fmt.Sscanf(f[1]+" "+f[2], "%d n=%d", &s.Layer, &s.N)
		if len(f) > 3 && err == nil {
			s.In, err = sim.ParseEdges(strings.TrimPrefix(f[3], "in="))
		}
		if err != nil {
			t.Fatal(d.Pos, err)
		}
		x.Set = append(x.Set, s)
	}
	sc, err := sim.ParseScenario(text)
	if err != nil {
		t.Fatal(d.Pos, err)
	}
	x.Add = sc.Plans[0].Spec.Layers[have:]
	return m.step(sched.Event{Kind: sched.Extend, Job: j, Ext: x})
}

func (m *machine) step(ev sched.Event) string {
	out := ""
	for _, a := range m.st.Step(ev, nil) {
		out += a.String() + "\n"
	}
	if err := m.st.Check(); err != nil {
		out += "check: " + err.Error() + "\n"
	}
	return out
}

func (m *machine) progress(j sched.JobID) string {
	out := ""
	for i, p := range m.st.Progress(j) {
		out += fmt.Sprintf("%d: %d blocks, %d missing, %d held\n", i, p.N, p.Need, p.Held)
	}
	return out
}
