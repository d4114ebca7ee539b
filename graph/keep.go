package graph

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A Keeper is a Runner that keeps blocks of the program where its tasks run, so that
// requests can read them there and need not bring them.
type Keeper interface {
	Runner
	// Keep sends n blocks to where tasks run, each to one place, or spread: to all. They are
	// made of columns of schema. Each comes from give, also while others do, and
	// once more when it is lost there. They are let go with Release or with the end of ctx.
	Keep(ctx context.Context, schema dtype.Schema, n int32, give func(block int32) (chunk.Value, error), spread bool) (Kept, error)
}

// A Holder is a Runner that keeps what it has computed where its tasks run, so that other
// requests read it there.
type Holder interface {
	Runner
	// Hold computes what a request wants and keeps its blocks, instead of delivering them, until
	// Close or the end of ctx. A block that is lost with a worker is made again.
	Hold(ctx context.Context, r Request) (Kept, error)
}

// Kept blocks are at a Keeper, or at a Holder.
type Kept interface {
	// Ready waits until all of them are there, and says why they will not be.
	Ready(ctx context.Context) error
	// Layer is a layer for a request to the same Keeper, whose blocks are those with the
	// given numbers. They must be ready.
	Layer(blocks []int32) Layer
	// Release lets some of them go. Requests that still need them fail.
	Release(blocks []int32)
	// Close lets all of them go, and does not wait for it. Requests that still need them fail.
	Close()
}

// Lent says which blocks a layer has that a Keeper keeps, or a Holder.
type Lent struct {
	Job    int32   // of the Keeper
	Layer  int32   // of that job
	Blocks []int32 // of that layer, by block of the one that borrows
	Spread bool    // they are everywhere
	By     uint64  // the runner, see NewKeeper
}

var keepers atomic.Uint64

// NewKeeper is a number for a runner that keeps blocks, which no other one of this process
// has: plans that read what it keeps do not leave the process.
func NewKeeper() uint64 { return keepers.Add(1) }

// Borrows is an error if layers borrow of another runner than the one with a number.
func Borrows(layers []Layer, by uint64) error {
	for i := range layers {
		if l := layers[i].Lent; l != nil && l.By != by {
			return fmt.Errorf("layer %d reads blocks that another runner keeps: run it where they were persisted or scattered", i)
		}
	}
	return nil
}
