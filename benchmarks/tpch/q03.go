package tpch

import "github.com/weft-data/weft/frame"

func q03(t Tables) *frame.Frame {
	return t["customer"].
		Filter(col("c_mktsegment").Eq("BUILDING")).
		JoinOn(t["orders"], on("c_custkey", "o_custkey")).
		JoinOn(t["lineitem"], on("o_orderkey", "l_orderkey")).
		Filter(col("o_orderdate").Lt(day(1995, 3, 15)), col("l_shipdate").Gt(day(1995, 3, 15))).
		GroupBy("l_orderkey", "o_orderdate", "o_shippriority").
		Agg(frame.Sum(revenue()).As("revenue")).
		Select("l_orderkey", "revenue", "o_orderdate", "o_shippriority").
		TopK(10, frame.Desc("revenue"), "o_orderdate")
}
