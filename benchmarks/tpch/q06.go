package tpch

import "github.com/weft-data/weft/frame"

func q06(t Tables) *frame.Frame {
	return t["lineitem"].
		Filter(
			within("l_shipdate", day(1994, 1, 1), day(1995, 1, 1)),
			col("l_discount").Between(0.05, 0.07),
			col("l_quantity").Lt(24),
		).
		GroupBy().Agg(frame.Sum(col("l_extendedprice").Mul(col("l_discount"))).As("revenue"))
}
