package tpch

import "github.com/weft-data/weft/frame"

func q11(t Tables) *frame.Frame {
	stock := t["partsupp"].
		JoinOn(t["supplier"], on("ps_suppkey", "s_suppkey")).
		JoinOn(t["nation"].Filter(col("n_name").Eq("GERMANY")), on("s_nationkey", "n_nationkey")).
		Select("ps_partkey", col("ps_supplycost").Mul(col("ps_availqty")).As("value"))
	all := stock.GroupBy().Agg(frame.Sum("value").As("all"))
	return stock.
		GroupBy("ps_partkey").Agg(frame.Sum("value")).
		Cross(all).
		Filter(col("value").Gt(col("all").Mul(0.0001))).
		Select("ps_partkey", "value").
		Sort(frame.Desc("value"))
}
