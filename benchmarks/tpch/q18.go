package tpch

import "github.com/weft-data/weft/frame"

func q18(t Tables) *frame.Frame {
	large := t["lineitem"].
		GroupBy("l_orderkey").Agg(frame.Sum("l_quantity").As("quantity")).
		Filter(col("quantity").Gt(300))
	return t["customer"].
		JoinOn(t["orders"], on("c_custkey", "o_custkey")).
		JoinOn(large, on("o_orderkey", "l_orderkey")).
		Select("c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice", "quantity").
		TopK(100, frame.Desc("o_totalprice"), "o_orderdate")
}
