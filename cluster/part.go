package cluster

import (
	"context"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
)

// Needs are what tasks want of the workers that run them.
type Needs struct {
	// Labels such as "zone=a" are what a worker must have, all of them. While no worker has
	// them jobs wait, and fail after the scheduler's grace.
	Labels []string
	// Resources such as "gpu=1" are what each task takes of its worker's while it runs.
	// While they are taken tasks wait.
	Resources []string
}

// A Part of a cluster is a Runner, too: that of tasks with the same needs.
type Part struct {
	*Client
	needs Needs
}

// With returns the part of this one that has what tasks need besides: the same client, whose
// jobs end with it. The chunks of an array that one part keeps (array.Persist) the others read,
// so that work goes from some workers to others:
//
//	gpus, err := c.With(cluster.Needs{Labels: []string{"kind=gpu"}, Resources: []string{"gpu=1"}})
//	x, err := images.Persist(ctx, c)
//	y, err := array.Collect[float64](ctx, gpus, model(x))
//
// Errors: a resource that is not like NAME=N.
func (v *Part) With(n Needs) (*Part, error) {
	if err := checkResources(n.Resources); err != nil {
		return nil, err
	}
	return &Part{v.Client, Needs{slices.Concat(v.needs.Labels, n.Labels), slices.Concat(v.needs.Resources, n.Resources)}}, nil
}

// With returns the part of the cluster that has what tasks need besides, as Part.With does.
func (c *Client) With(n Needs) (*Part, error) { return c.whole().With(n) }

// whole is the part that all tasks of the client may use.
func (c *Client) whole() *Part { return &Part{c, Needs{c.opt.Labels, c.opt.Resources}} }

// Start implements graph.Runner: the plan is optimized here, where all its
// operators are, for the smallest worker, and runs there.
func (v *Part) Start(ctx context.Context, q graph.Request) (graph.Job, error) {
	return v.start(ctx, q, keeping{})
}

// Start implements graph.Runner, as Part.Start does.
func (c *Client) Start(ctx context.Context, q graph.Request) (graph.Job, error) {
	return c.whole().Start(ctx, q)
}

// Keep implements graph.Keeper, as Part.Keep does.
func (c *Client) Keep(ctx context.Context, schema dtype.Schema, n int32, give func(int32) (chunk.Value, error), spread bool) (graph.Kept, error) {
	return c.whole().Keep(ctx, schema, n, give, spread)
}

// Hold implements graph.Holder, as Part.Hold does.
func (c *Client) Hold(ctx context.Context, q graph.Request) (graph.Kept, error) {
	return c.whole().Hold(ctx, q)
}

// Persist keeps a plan's blocks under a name, as Part.Persist does.
func (c *Client) Persist(ctx context.Context, name string, p Plan) (graph.Report, error) {
	return c.whole().Persist(ctx, name, p)
}
