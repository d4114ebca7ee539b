package tpch

import "github.com/weft-data/weft/frame"

func q01(t Tables) *frame.Frame {
	return t["lineitem"].
		Filter(col("l_shipdate").Le(day(1998, 9, 2))).
		GroupBy("l_returnflag", "l_linestatus").
		Agg(
			frame.Sum("l_quantity").As("sum_qty"),
			frame.Sum("l_extendedprice").As("sum_base_price"),
			frame.Sum(revenue()).As("sum_disc_price"),
			frame.Sum(revenue().Mul(lit(1.0).Add(col("l_tax")))).As("sum_charge"),
			frame.Mean("l_quantity").As("avg_qty"),
			frame.Mean("l_extendedprice").As("avg_price"),
			frame.Mean("l_discount").As("avg_disc"),
			frame.Count().As("count_order"),
		).
		Sort("l_returnflag", "l_linestatus")
}
