package tpch

import "github.com/weft-data/weft/frame"

func q07(t Tables) *frame.Frame {
	from := t["nation"].Select("n_nationkey", col("n_name").As("supp_nation"))
	to := t["nation"].Select(col("n_nationkey").As("c_nation"), col("n_name").As("cust_nation"))
	return t["supplier"].
		JoinOn(t["lineitem"], on("s_suppkey", "l_suppkey")).
		JoinOn(t["orders"], on("l_orderkey", "o_orderkey")).
		JoinOn(t["customer"], on("o_custkey", "c_custkey")).
		JoinOn(from, on("s_nationkey", "n_nationkey")).
		JoinOn(to, on("c_nationkey", "c_nation")).
		Filter(
			col("supp_nation").Eq("FRANCE").And(col("cust_nation").Eq("GERMANY")).
				Or(col("supp_nation").Eq("GERMANY").And(col("cust_nation").Eq("FRANCE"))),
			col("l_shipdate").Between(day(1995, 1, 1), day(1996, 12, 31)),
		).
		GroupBy("supp_nation", "cust_nation", col("l_shipdate").Dt().Year().As("l_year")).
		Agg(frame.Sum(revenue()).As("revenue")).
		Sort("supp_nation", "cust_nation", "l_year")
}
