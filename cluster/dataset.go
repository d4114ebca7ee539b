package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/sched"
)

// A Plan is what Persist computes: a *frame.Frame or an *array.Array.
type Plan interface {
	Analyze(ctx context.Context, r graph.Runner, opts ...graph.Option) (graph.Report, error)
}

// Persist computes a plan and keeps its blocks on the workers under a name, until
// Release, whatever becomes of this client. Blocks that are lost with a worker are made
// again. Any Flight client can read a dataset of a frame: the scheduler tells where its
// blocks are (GetFlightInfo with the name as path), the workers give them (DoGet).
func (v *Part) Persist(ctx context.Context, name string, p Plan) (graph.Report, error) {
	if name == "" {
		return graph.Report{}, errors.New("cluster: Persist needs a name")
	}
	return p.Analyze(ctx, named{v, name})
}

// Named runs plans whose blocks are kept.
type named struct {
	*Part
	name string
}

// Start implements graph.Runner.
func (n named) Start(ctx context.Context, q graph.Request) (graph.Job, error) {
	return n.start(ctx, q, keeping{name: n.name})
}

// A Dataset is a result that is kept on the workers.
type Dataset struct {
	Name   string
	Schema dtype.Schema
	Rows   int64
	Bytes  int64
	c      *Client
	f      found
}

// A found dataset, as the scheduler tells. Err is why there is none.
type found struct {
	Err         string
	Lost        bool // for a while: a block is being made again
	Job, Layer  int32
	Secret      string
	Schema      dtype.Schema
	Rows, Bytes int64
	At          []foundAt // by block
}

type foundAt struct {
	Addr string
	Life uint64
}

// Dataset finds what Persist has kept.
func (c *Client) Dataset(ctx context.Context, name string) (*Dataset, error) {
	f, err := c.find(ctx, wire.Record{Kind: wire.Find, Text: name})
	if err != nil {
		return nil, err
	}
	return &Dataset{Name: name, Schema: f.Schema, Rows: f.Rows, Bytes: f.Bytes, c: c, f: f}, nil
}

// Release lets a dataset go.
func (c *Client) Release(ctx context.Context, name string) error {
	_, err := c.find(ctx, wire.Record{Kind: wire.Find, Text: name, Flag: true})
	return err
}

func (c *Client) find(ctx context.Context, ask wire.Record) (f found, err error) {
	b, err := c.ask(ctx, &c.finds, ask)
	if err == nil {
		err = wire.Decode(b, &f)
	}
	if err == nil && f.Err != "" {
		err = errors.New(f.Err)
	}
	return f, err
}

// Records yields the rows as Arrow records, block by block, each from where it is by
// then: a block that is lost with its worker is waited for while it is made again.
func (d *Dataset) Records(ctx context.Context) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		as, f := chunk.ToArrowSchema(d.Schema), d.f
		for b := range f.At {
			s, err := d.block(ctx, &f, b)
			if err != nil {
				yield(nil, fmt.Errorf("cluster: block %d of dataset %s: %w", b, d.Name, err))
				return
			}
			for _, run := range s.runs {
				for _, x := range run {
					rec, err := chunk.ToRecord(as, d.Schema, x)
					if !yield(rec, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// block fetches a block. When that fails it asks the scheduler where the block is
// now, for three times as long as a fetch may stall: that a worker is dead is known
// later than that it does not answer.
func (d *Dataset) block(ctx context.Context, f *found, b int) (*receiver, error) {
	late := time.After(3 * d.c.opt.Stall)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		s := &receiver{schema: d.Schema}
		s.reset()
		t := &data.Ticket{Life: f.At[b].Life, Job: f.Job, Refs: []data.Ref{{Layer: f.Layer, Block: int32(b), Hi: -1}}}
		err := d.c.peers.Get(ctx, f.At[b].Addr, f.Secret, t, []dtype.Schema{d.Schema}, s)
		if err == nil {
			return s, nil
		}
		select {
		case <-time.After(pause):
		case <-late:
			return nil, err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		now, lost := d.c.find(ctx, wire.Record{Kind: wire.Find, Text: d.Name})
		switch {
		case lost != nil && !now.Lost:
			return nil, lost
		case lost == nil && now.Job != f.Job:
			return nil, errors.New("it was released, and there is another of that name now")
		case lost == nil:
			*f = now
		}
	}
}

// name enters a job into the list of datasets; s is locked.
func (s *Scheduler) name(j *job) {
	if j.plan.Name != "" {
		s.named[j.plan.Name] = j
	}
}

// find words where a dataset is; s is locked.
func (s *Scheduler) find(name string) (f found) {
	j := s.named[name]
	switch {
	case j == nil:
		f.Err = fmt.Sprintf("cluster: there is no dataset called %q", name)
		return f
	case !j.over:
		f.Err = fmt.Sprintf("cluster: dataset %q is being computed", name)
		return f
	}
	want := j.plan.Want
	sum := s.st.Progress(j.id)[want]
	f = found{Job: int32(j.id), Layer: int32(want), Secret: j.secret, Schema: j.plan.Layers[want].Out.Schema, Rows: sum.Rows, Bytes: sum.Bytes}
	for b := range j.plan.Layers[want].N {
		id, _, ok := s.st.Holder(j.id, sched.LayerID(want), b)
		if !ok || s.workers[id] == nil {
			return found{Lost: true, Err: fmt.Sprintf("cluster: block %d of dataset %q was lost and is being made again", b, name)}
		}
		f.At = append(f.At, foundAt{s.workers[id].hi.Data, s.workers[id].hi.Life})
	}
	return f
}

// tellDataset answers a client, and with release lets the dataset go.
func (s *Scheduler) tellDataset(c *clientConn, name string, release bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(name)
	if j := s.named[name]; release && j != nil {
		f = found{}
		s.step(sched.Event{Kind: sched.Cancel, Job: j.id})
	}
	wire.Parts(wire.Record{Kind: wire.Found, Text: name}, wire.Encode(f), func(r *wire.Record) { c.link.put(*r) })
}

// A catalog tells Flight clients where datasets are.
type catalog struct {
	flight.BaseFlightServer
	s *Scheduler
}

// allow refuses who is no client.
func (g *catalog) allow(ctx context.Context) error {
	err := g.s.allow(ctx, RoleClient)
	if err == nil {
		return nil
	}
	audit(ctx, g.s.opt.Log, "", err)
	return status.Error(codes.PermissionDenied, err.Error())
}

// GetFlightInfo implements Flight: one endpoint for each block.
func (g *catalog) GetFlightInfo(ctx context.Context, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	if err := g.allow(ctx); err != nil {
		return nil, err
	}
	name := string(d.GetCmd())
	if p := d.GetPath(); len(p) == 1 {
		name = p[0]
	}
	g.s.mu.Lock()
	f := g.s.find(name)
	g.s.mu.Unlock()
	if f.Err != "" {
		return nil, status.Error(codes.NotFound, f.Err)
	}
	return g.info(d, &f), nil
}

func (g *catalog) info(d *flight.FlightDescriptor, f *found) *flight.FlightInfo {
	scheme := "grpc+tcp://"
	if !g.s.opt.Security.none() {
		scheme = "grpc+tls://"
	}
	info := &flight.FlightInfo{Schema: flight.SerializeSchema(chunk.ToArrowSchema(f.Schema), memory.DefaultAllocator), FlightDescriptor: d,
		TotalRecords: f.Rows, TotalBytes: f.Bytes, Ordered: true}
	for b, at := range f.At {
		t := &data.Ticket{Life: at.Life, Job: f.Job, IPC: true, Refs: []data.Ref{{Layer: f.Layer, Block: int32(b), Hi: -1}}}
		info.Endpoint = append(info.Endpoint, &flight.FlightEndpoint{Ticket: &flight.Ticket{Ticket: t.Bytes(f.Secret)},
			Location: []*flight.Location{{Uri: scheme + at.Addr}}})
	}
	return info
}

// ListFlights implements Flight.
func (g *catalog) ListFlights(_ *flight.Criteria, st flight.FlightService_ListFlightsServer) error {
	if err := g.allow(st.Context()); err != nil {
		return err
	}
	g.s.mu.Lock()
	var all []*flight.FlightInfo
	for name := range g.s.named {
		if f := g.s.find(name); f.Err == "" {
			all = append(all, g.info(&flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{name}}, &f))
		}
	}
	g.s.mu.Unlock()
	for _, info := range all {
		if err := st.Send(info); err != nil {
			return err
		}
	}
	return nil
}
