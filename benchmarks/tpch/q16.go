package tpch

import "github.com/weft-data/weft/frame"

func q16(t Tables) *frame.Frame {
	complained := t["supplier"].Filter(col("s_comment").Str().Like("%Customer%Complaints%"))
	return t["partsupp"].
		JoinOn(t["part"], on("ps_partkey", "p_partkey")).
		Filter(
			col("p_brand").Ne("Brand#45"),
			col("p_type").Str().StartsWith("MEDIUM POLISHED").Not(),
			col("p_size").In(49, 14, 23, 45, 19, 3, 36, 9),
		).
		JoinOn(complained, lacking("ps_suppkey", "s_suppkey")).
		GroupBy("p_brand", "p_type", "p_size").Agg(frame.CountDistinct("ps_suppkey").As("supplier_cnt")).
		Sort(frame.Desc("supplier_cnt"), "p_brand", "p_type", "p_size")
}
