package tpch

import "github.com/weft-data/weft/frame"

func q20(t Tables) *frame.Frame {
	shipped := t["lineitem"].
		Filter(within("l_shipdate", day(1994, 1, 1), day(1995, 1, 1))).
		GroupBy("l_partkey", "l_suppkey").Agg(frame.Sum("l_quantity").As("shipped"))
	forest := t["part"].Filter(col("p_name").Str().StartsWith("forest"))
	excess := t["partsupp"].
		JoinOn(forest, matching("ps_partkey", "p_partkey")).
		JoinOn(shipped, onBoth([2]string{"ps_partkey", "ps_suppkey"}, [2]string{"l_partkey", "l_suppkey"})).
		Filter(col("ps_availqty").Gt(col("shipped").Mul(0.5)))
	return t["supplier"].
		JoinOn(t["nation"].Filter(col("n_name").Eq("CANADA")), on("s_nationkey", "n_nationkey")).
		JoinOn(excess, matching("s_suppkey", "ps_suppkey")).
		Select("s_name", "s_address").
		Sort("s_name")
}
