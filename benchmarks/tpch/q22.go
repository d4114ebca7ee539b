package tpch

import "github.com/weft-data/weft/frame"

func q22(t Tables) *frame.Frame {
	customers := t["customer"].
		Select("c_custkey", "c_acctbal", col("c_phone").Str().Left(2).As("cntrycode")).
		Filter(col("cntrycode").In("13", "31", "23", "29", "30", "18", "17"))
	usual := customers.
		Filter(col("c_acctbal").Gt(0.0)).
		GroupBy().Agg(frame.Mean("c_acctbal").As("usual"))
	return customers.
		Cross(usual).
		Filter(col("c_acctbal").Gt(col("usual"))).
		JoinOn(t["orders"], lacking("c_custkey", "o_custkey")).
		GroupBy("cntrycode").Agg(frame.Count().As("numcust"), frame.Sum("c_acctbal").As("totacctbal")).
		Sort("cntrycode")
}
