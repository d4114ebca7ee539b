package tpch

import "github.com/weft-data/weft/frame"

func q05(t Tables) *frame.Frame {
	return t["customer"].
		JoinOn(t["orders"], on("c_custkey", "o_custkey")).
		JoinOn(t["lineitem"], on("o_orderkey", "l_orderkey")).
		JoinOn(t["supplier"], onBoth([2]string{"l_suppkey", "c_nationkey"}, [2]string{"s_suppkey", "s_nationkey"})).
		JoinOn(t["nation"], on("s_nationkey", "n_nationkey")).
		JoinOn(t["region"], on("n_regionkey", "r_regionkey")).
		Filter(col("r_name").Eq("ASIA"), within("o_orderdate", day(1994, 1, 1), day(1995, 1, 1))).
		GroupBy("n_name").Agg(frame.Sum(revenue()).As("revenue")).
		Sort(frame.Desc("revenue"))
}
