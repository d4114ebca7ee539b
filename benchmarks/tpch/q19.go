package tpch

import (
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
)

func q19(t Tables) *frame.Frame {
	kind := func(brand string, least, size int, containers ...any) expr.Expr {
		return col("p_brand").Eq(brand).
			And(col("p_container").In(containers...)).
			And(col("l_quantity").Between(least, least+10)).
			And(col("p_size").Between(1, size))
	}
	return t["lineitem"].
		JoinOn(t["part"], on("l_partkey", "p_partkey")).
		Filter(
			col("l_shipmode").In("AIR", "AIR REG"),
			col("l_shipinstruct").Eq("DELIVER IN PERSON"),
			kind("Brand#12", 1, 5, "SM CASE", "SM BOX", "SM PACK", "SM PKG").
				Or(kind("Brand#23", 10, 10, "MED BAG", "MED BOX", "MED PKG", "MED PACK")).
				Or(kind("Brand#34", 20, 15, "LG CASE", "LG BOX", "LG PACK", "LG PKG")),
		).
		GroupBy().Agg(frame.Sum(revenue()).As("revenue"))
}
