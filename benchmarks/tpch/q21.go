package tpch

import "github.com/weft-data/weft/frame"

func q21(t Tables) *frame.Frame {
	late := col("l_receiptdate").Gt(col("l_commitdate"))
	waiting := t["supplier"].
		JoinOn(t["lineitem"].Filter(late), on("s_suppkey", "l_suppkey")).
		JoinOn(t["orders"].Filter(col("o_orderstatus").Eq("F")), on("l_orderkey", "o_orderkey")).
		JoinOn(t["nation"].Filter(col("n_name").Eq("SAUDI ARABIA")), on("s_nationkey", "n_nationkey")).
		Select("s_name", "l_orderkey")
	orders := t["lineitem"].
		Join(waiting, frame.Semi, "l_orderkey").
		GroupBy("l_orderkey").
		Agg(
			frame.CountDistinct("l_suppkey").As("suppliers"),
			frame.CountDistinct(frame.If(late).Then(col("l_suppkey")).End()).As("late"),
		).
		Filter(col("suppliers").Gt(1), col("late").Eq(1))
	return waiting.Join(orders, frame.Inner, "l_orderkey").
		GroupBy("s_name").Agg(frame.Count().As("numwait")).
		TopK(100, frame.Desc("numwait"), "s_name")
}
