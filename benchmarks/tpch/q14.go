package tpch

import "github.com/weft-data/weft/frame"

func q14(t Tables) *frame.Frame {
	promoted := frame.If(col("p_type").Str().StartsWith("PROMO")).Then(revenue()).Else(0.0)
	return t["lineitem"].
		Filter(within("l_shipdate", day(1995, 9, 1), day(1995, 10, 1))).
		JoinOn(t["part"], on("l_partkey", "p_partkey")).
		GroupBy().Agg(frame.Sum(promoted).As("promoted"), frame.Sum(revenue()).As("all")).
		Select(col("promoted").Mul(100.0).Div(col("all")).As("promo_revenue"))
}
