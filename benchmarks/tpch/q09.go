package tpch

import "github.com/weft-data/weft/frame"

func q09(t Tables) *frame.Frame {
	return t["part"].
		Filter(col("p_name").Str().Contains("green")).
		JoinOn(t["lineitem"], on("p_partkey", "l_partkey")).
		JoinOn(t["supplier"], on("l_suppkey", "s_suppkey")).
		JoinOn(t["partsupp"], onBoth([2]string{"l_suppkey", "l_partkey"}, [2]string{"ps_suppkey", "ps_partkey"})).
		JoinOn(t["orders"], on("l_orderkey", "o_orderkey")).
		JoinOn(t["nation"], on("s_nationkey", "n_nationkey")).
		GroupBy(col("n_name").As("nation"), col("o_orderdate").Dt().Year().As("o_year")).
		Agg(frame.Sum(revenue().Sub(col("ps_supplycost").Mul(col("l_quantity")))).As("sum_profit")).
		Sort("nation", frame.Desc("o_year"))
}
