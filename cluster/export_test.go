package cluster

import "github.com/weft-data/weft/optimize"

// Tune has plans changed before they are sent.
func (c *Client) Tune(f func(*optimize.Plan)) { c.tune = f }
