package tpch

import "github.com/weft-data/weft/frame"

func q08(t Tables) *frame.Frame {
	seller := t["nation"].Select(col("n_nationkey").As("s_nation"), col("n_name").As("nation"))
	volumes := t["part"].
		JoinOn(t["lineitem"], on("p_partkey", "l_partkey")).
		JoinOn(t["supplier"], on("l_suppkey", "s_suppkey")).
		JoinOn(t["orders"], on("l_orderkey", "o_orderkey")).
		JoinOn(t["customer"], on("o_custkey", "c_custkey")).
		JoinOn(t["nation"], on("c_nationkey", "n_nationkey")).
		JoinOn(t["region"], on("n_regionkey", "r_regionkey")).
		JoinOn(seller, on("s_nationkey", "s_nation")).
		Filter(
			col("r_name").Eq("AMERICA"),
			col("o_orderdate").Between(day(1995, 1, 1), day(1996, 12, 31)),
			col("p_type").Eq("ECONOMY ANODIZED STEEL"),
		)
	return volumes.
		GroupBy(col("o_orderdate").Dt().Year().As("o_year")).
		Agg(
			frame.Sum(frame.If(col("nation").Eq("BRAZIL")).Then(revenue()).Else(0.0)).As("brazil"),
			frame.Sum(revenue()).As("all"),
		).
		Select("o_year", col("brazil").Div(col("all")).As("mkt_share")).
		Sort("o_year")
}
