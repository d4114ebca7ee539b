package tpch

import "github.com/weft-data/weft/frame"

func q02(t Tables) *frame.Frame {
	offers := t["part"].
		Filter(col("p_size").Eq(15), col("p_type").Str().EndsWith("BRASS")).
		JoinOn(t["partsupp"], on("p_partkey", "ps_partkey")).
		JoinOn(t["supplier"], on("ps_suppkey", "s_suppkey")).
		JoinOn(t["nation"], on("s_nationkey", "n_nationkey")).
		JoinOn(t["region"].Filter(col("r_name").Eq("EUROPE")), on("n_regionkey", "r_regionkey"))
	least := offers.GroupBy("p_partkey").Agg(frame.Min("ps_supplycost"))
	return offers.Join(least, frame.Inner, "p_partkey", "ps_supplycost").
		Select("s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment").
		TopK(100, frame.Desc("s_acctbal"), "n_name", "s_name", "p_partkey")
}
