package tpch

import "github.com/weft-data/weft/frame"

func q10(t Tables) *frame.Frame {
	return t["customer"].
		JoinOn(t["orders"], on("c_custkey", "o_custkey")).
		JoinOn(t["lineitem"], on("o_orderkey", "l_orderkey")).
		JoinOn(t["nation"], on("c_nationkey", "n_nationkey")).
		Filter(within("o_orderdate", day(1993, 10, 1), day(1994, 1, 1)), col("l_returnflag").Eq("R")).
		GroupBy("c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment").
		Agg(frame.Sum(revenue()).As("revenue")).
		Select("c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment").
		TopK(20, frame.Desc("revenue"))
}
