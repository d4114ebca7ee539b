package tpch

import "github.com/weft-data/weft/frame"

func q04(t Tables) *frame.Frame {
	late := t["lineitem"].Filter(col("l_commitdate").Lt(col("l_receiptdate")))
	return t["orders"].
		Filter(within("o_orderdate", day(1993, 7, 1), day(1993, 10, 1))).
		JoinOn(late, matching("o_orderkey", "l_orderkey")).
		GroupBy("o_orderpriority").Agg(frame.Count().As("order_count")).
		Sort("o_orderpriority")
}
