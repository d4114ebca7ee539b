package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
)

// State is what a scheduler knows, for people and dashboards.
type State struct {
	Address  string        `json:"address"`
	Uptime   float64       `json:"uptime_seconds"`
	Finished int64         `json:"tasks_done"`
	Workers  []WorkerState `json:"workers"`
	Jobs     []JobState    `json:"jobs"`
}

// WorkerState is one worker.
type WorkerState struct {
	Name     string      `json:"name"`
	ID       int32       `json:"id"`
	Session  uint32      `json:"session"`
	Address  string      `json:"address"` // of its blocks
	Slots    int32       `json:"slots"`
	Busy     int32       `json:"busy"` // tasks it was given
	Done     int64       `json:"tasks_done"`
	Memory   int64       `json:"memory_bytes"` // 0 means no limit
	Used     int64       `json:"used_bytes"`
	Spilled  int64       `json:"spilled_bytes"`
	Labels   []string    `json:"labels,omitempty"`
	Has      []string    `json:"resources,omitempty"`
	Links    []LinkState `json:"links,omitempty"` // ways that blocks came to it
	Broken   int64       `json:"broken_streams"`  // of its blocks to other workers, which were not as their checksums said
	Silent   float64     `json:"silent_seconds"`
	Retiring bool        `json:"retiring,omitempty"`
	Paused   bool        `json:"paused,omitempty"` // its disk is full, or its process has more memory than it may: it asks for nothing
	Away     bool        `json:"away,omitempty"`   // without a connection; its process lives
}

// LinkState is what was measured of the way of blocks to a worker from another: the mean of
// bytes by seconds of its transfers of a MiB and more, the latest counting most. The scheduler
// reckons with it what a task waits for its inputs.
type LinkState struct {
	From string  `json:"from"` // name of the worker
	Rate float64 `json:"bytes_per_second"`
}

// JobState is one job.
type JobState struct {
	ID       int32        `json:"id"`
	Client   string       `json:"client"`
	Priority int32        `json:"priority"`
	Seconds  float64      `json:"seconds"`
	Layers   []LayerState `json:"layers"`
}

// LayerState is one layer of a job.
type LayerState struct {
	Op    string  `json:"op"`
	N     int32   `json:"blocks"` // 0 while it is not decided
	Made  int32   `json:"made"`
	Held  int32   `json:"held"`
	Bytes int64   `json:"bytes"`
	Rows  int64   `json:"rows"`
	Task  float64 `json:"task_seconds"` // smoothed
}

// opName names a call without looking at its parameters, which nobody has checked
// where this is used.
func opName(c op.Call) string {
	if c.Op != op.FusedName {
		return c.Op
	}
	parts, err := op.Parts(c, op.Meta{}, 0)
	if err != nil {
		return c.Op
	}
	name := parts[0].Call.Op
	for _, p := range parts[1:] {
		name += " → " + p.Call.Op
	}
	return name
}

// State returns what the scheduler knows.
func (s *Scheduler) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := State{Address: s.Addr(), Uptime: time.Since(s.start).Seconds(), Finished: s.finished, Workers: []WorkerState{}, Jobs: []JobState{}}
	var links []sched.Link
	for _, w := range s.workers {
		if w == nil {
			continue
		}
		busy, _ := s.st.Load(w.id)
		x := WorkerState{Name: w.hi.Name, ID: int32(w.id), Session: uint32(w.session), Address: w.hi.Data, Slots: w.hi.Slots,
			Busy: busy, Done: w.done, Memory: w.hi.Memory, Used: w.memory.Bytes, Spilled: w.memory.Rows, Labels: w.hi.Labels, Has: w.hi.Resources, Broken: w.broken,
			Silent: time.Since(w.heard).Seconds(), Retiring: w.leaving != nil, Paused: w.memory.Flag, Away: !w.gone.IsZero()}
		links = s.st.Links(w.id, links[:0])
		for _, l := range links {
			if from := s.workers[l.From]; from != nil {
				x.Links = append(x.Links, LinkState{from.hi.Name, l.Rate})
			}
		}
		out.Workers = append(out.Workers, x)
	}
	for id := sched.JobID(1); id <= sched.JobID(s.ledger.last) && len(out.Jobs) < len(s.jobs); id++ {
		j := s.jobs[id]
		if j == nil {
			continue
		}
		x := JobState{ID: int32(id), Priority: j.plan.Priority, Seconds: time.Since(j.start).Seconds(), Layers: []LayerState{}}
		x.Client = j.client.hi.Name
		for i, p := range s.st.Progress(id) {
			if j.plan.Layers[i].Spare {
				continue
			}
			x.Layers = append(x.Layers, LayerState{Op: opName(j.plan.Layers[i].Call), N: p.N, Made: p.Made, Held: p.Held, Bytes: p.Bytes, Rows: p.Rows, Task: p.Nanos / 1e9})
		}
		out.Jobs = append(out.Jobs, x)
	}
	return out
}

// tellState answers a client's question.
func (s *Scheduler) tellState(l *link) {
	b, err := json.Marshal(s.State())
	if err != nil {
		b = []byte(`{}`)
	}
	wire.Parts(wire.Record{Kind: wire.State}, b, func(r *wire.Record) { l.put(*r) })
}

// State asks the scheduler what it knows.
func (c *Client) State(ctx context.Context) (st State, err error) {
	b, err := c.ask(ctx, &c.states, wire.Record{Kind: wire.Ask})
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(b, &st); err != nil {
		return st, fmt.Errorf("cluster: the scheduler's state: %w", err)
	}
	return st, nil
}
