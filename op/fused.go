package op

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/internal/canon"
)

// FusedName is the operator of a layer that was made of several: a source, the
// steps after it and at most one breaker, run morsel by morsel in one task.
const FusedName = "fused"

// A FusedPart is one operator of a fused layer.
type FusedPart struct {
	Call  Call
	In    Meta // of the morsels it takes
	Sides int  // side inputs it takes, in the order of the layer's side edges
}

type fusedParams struct{ Parts []FusedPart }

// Fuse makes one call of several parts.
func Fuse(parts []FusedPart) Call {
	if len(parts) == 1 {
		return parts[0].Call
	}
	parts = slices.Clone(parts)
	for i := range parts {
		parts[i].In.Known = nil // plans are made with it, tasks are not
	}
	b, err := canon.Append(nil, fusedParams{parts})
	if err != nil {
		panic(fmt.Sprintf("op: fused parameters that cannot be encoded: %v", err))
	}
	return Call{FusedName, string(b)}
}

// Parts takes a call apart; in and sides describe a call that is not fused.
func Parts(c Call, in Meta, sides int) ([]FusedPart, error) {
	if c.Op != FusedName {
		return []FusedPart{{c, in, sides}}, nil
	}
	p, err := decode[fusedParams](FusedName, c.Params)
	if err != nil {
		return nil, err
	}
	if len(p.Parts) < 2 {
		return nil, fmt.Errorf("op %s: %d parts, want at least 2", FusedName, len(p.Parts))
	}
	return p.Parts, nil
}

// Text words a call for plans: the operator and its parameters; a fused call as
// the chain of its parts.
func Text(c Call) string {
	if c.Op != FusedName {
		e, err := Lookup(c.Op)
		if err != nil {
			return c.Op
		}
		if t := e.Text(c.Params); t != "" {
			return c.Op + "(" + t + ")"
		}
		return c.Op
	}
	parts, err := Parts(c, Meta{}, 0)
	if err != nil {
		return FusedName
	}
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = Text(p.Call)
	}
	return strings.Join(words, " → ")
}
