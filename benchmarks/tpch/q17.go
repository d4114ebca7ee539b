package tpch

import "github.com/weft-data/weft/frame"

func q17(t Tables) *frame.Frame {
	lines := t["lineitem"].
		JoinOn(t["part"].Filter(col("p_brand").Eq("Brand#23"), col("p_container").Eq("MED BOX")), on("l_partkey", "p_partkey"))
	usual := lines.GroupBy("l_partkey").Agg(frame.Mean("l_quantity").As("usual"))
	return lines.Join(usual, frame.Inner, "l_partkey").
		Filter(col("l_quantity").Lt(col("usual").Mul(0.2))).
		GroupBy().Agg(frame.Sum("l_extendedprice").As("sum")).
		Select(col("sum").Div(7.0).As("avg_yearly"))
}
