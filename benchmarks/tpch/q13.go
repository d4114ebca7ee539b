package tpch

import "github.com/weft-data/weft/frame"

func q13(t Tables) *frame.Frame {
	orders := t["orders"].Filter(col("o_comment").Str().Like("%special%requests%").Not())
	return t["customer"].
		JoinOn(orders, frame.JoinOn{Kind: frame.Left, Left: []string{"c_custkey"}, Right: []string{"o_custkey"}}).
		GroupBy("c_custkey").Agg(frame.Count("o_orderkey").As("c_count")).
		GroupBy("c_count").Agg(frame.Count().As("custdist")).
		Sort(frame.Desc("custdist"), frame.Desc("c_count"))
}
