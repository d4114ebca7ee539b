package tpch

import "github.com/weft-data/weft/frame"

func q15(t Tables) *frame.Frame {
	revenues := t["lineitem"].
		Filter(within("l_shipdate", day(1996, 1, 1), day(1996, 4, 1))).
		GroupBy("l_suppkey").Agg(frame.Sum(revenue()).As("total_revenue"))
	largest := revenues.GroupBy().Agg(frame.Max("total_revenue").As("largest"))
	return t["supplier"].
		JoinOn(revenues, on("s_suppkey", "l_suppkey")).
		JoinOn(largest, matching("total_revenue", "largest")).
		Select("s_suppkey", "s_name", "s_address", "s_phone", "total_revenue").
		Sort("s_suppkey")
}
