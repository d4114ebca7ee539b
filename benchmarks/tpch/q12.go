package tpch

import "github.com/weft-data/weft/frame"

func q12(t Tables) *frame.Frame {
	high := col("o_orderpriority").In("1-URGENT", "2-HIGH")
	return t["orders"].
		JoinOn(t["lineitem"], on("o_orderkey", "l_orderkey")).
		Filter(
			col("l_shipmode").In("MAIL", "SHIP"),
			col("l_commitdate").Lt(col("l_receiptdate")),
			col("l_shipdate").Lt(col("l_commitdate")),
			within("l_receiptdate", day(1994, 1, 1), day(1995, 1, 1)),
		).
		GroupBy("l_shipmode").
		Agg(
			frame.Sum(frame.If(high).Then(1).Else(0)).As("high_line_count"),
			frame.Sum(frame.If(high).Then(0).Else(1)).As("low_line_count"),
		).
		Sort("l_shipmode")
}
