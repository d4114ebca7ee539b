"""The 22 queries of TPC-H as pandas and Dask word them: the same text serves both.

A query takes t, which gives the named columns of a table, and done, which computes a
Dask frame or number: what is left after grouping is small and is sorted in pandas.
"""

from datetime import date


def discounted(x):
    return x["l_extendedprice"] * (1 - x["l_discount"])


def merged(x, *steps):
    """Inner joins with one table after the other, on a column of each side."""
    for table, left, right in steps:
        x = x.merge(table, left_on=left, right_on=right)
    return x


def single(name, value):
    import pandas as pd

    return pd.DataFrame({name: [value]})


def within(column, low, high):
    return (column >= low) & (column < high)


def q01(t, done):
    x = t("lineitem", "l_shipdate l_returnflag l_linestatus l_quantity l_extendedprice l_discount l_tax")
    x = x[x["l_shipdate"] <= date(1998, 9, 2)]
    x = x.assign(disc_price=discounted(x))
    x = x.assign(charge=x["disc_price"] * (1 + x["l_tax"]))
    g = x.groupby(["l_returnflag", "l_linestatus"]).agg(
        sum_qty=("l_quantity", "sum"), sum_base_price=("l_extendedprice", "sum"), sum_disc_price=("disc_price", "sum"),
        sum_charge=("charge", "sum"), avg_qty=("l_quantity", "mean"), avg_price=("l_extendedprice", "mean"),
        avg_disc=("l_discount", "mean"), count_order=("l_quantity", "count"))
    return done(g).reset_index().sort_values(["l_returnflag", "l_linestatus"])


def q02(t, done):
    part, region = t("part", "p_partkey p_mfgr p_size p_type"), t("region", "r_regionkey r_name")
    part = part[(part["p_size"] == 15) & part["p_type"].str.endswith("BRASS")]
    offers = merged(
        part, (t("partsupp", "ps_partkey ps_suppkey ps_supplycost"), "p_partkey", "ps_partkey"),
        (t("supplier", "s_suppkey s_name s_address s_nationkey s_phone s_acctbal s_comment"), "ps_suppkey", "s_suppkey"),
        (t("nation", "n_nationkey n_name n_regionkey"), "s_nationkey", "n_nationkey"),
        (region[region["r_name"] == "EUROPE"], "n_regionkey", "r_regionkey"))
    offers = done(offers)
    least = offers.groupby("p_partkey")["ps_supplycost"].min().reset_index()
    columns = ["s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment"]
    order = ["s_acctbal", "n_name", "s_name", "p_partkey"]
    return offers.merge(least, on=["p_partkey", "ps_supplycost"])[columns].sort_values(order, ascending=[False, True, True, True]).head(100)


def q03(t, done):
    customer, orders = t("customer", "c_custkey c_mktsegment"), t("orders", "o_orderkey o_custkey o_orderdate o_shippriority")
    lines = t("lineitem", "l_orderkey l_extendedprice l_discount l_shipdate")
    x = merged(customer[customer["c_mktsegment"] == "BUILDING"],
               (orders[orders["o_orderdate"] < date(1995, 3, 15)], "c_custkey", "o_custkey"),
               (lines[lines["l_shipdate"] > date(1995, 3, 15)], "o_orderkey", "l_orderkey"))
    x = x.assign(revenue=discounted(x))
    g = done(x.groupby(["l_orderkey", "o_orderdate", "o_shippriority"])["revenue"].sum()).reset_index()
    g = g.sort_values(["revenue", "o_orderdate"], ascending=[False, True]).head(10)
    return g[["l_orderkey", "revenue", "o_orderdate", "o_shippriority"]]


def q04(t, done):
    orders, lines = t("orders", "o_orderkey o_orderdate o_orderpriority"), t("lineitem", "l_orderkey l_commitdate l_receiptdate")
    late = lines[lines["l_commitdate"] < lines["l_receiptdate"]][["l_orderkey"]].drop_duplicates()
    x = orders[within(orders["o_orderdate"], date(1993, 7, 1), date(1993, 10, 1))].merge(late, left_on="o_orderkey", right_on="l_orderkey")
    return done(x.groupby("o_orderpriority").agg(order_count=("o_orderkey", "count"))).reset_index().sort_values("o_orderpriority")


def q05(t, done):
    region, orders = t("region", "r_regionkey r_name"), t("orders", "o_orderkey o_custkey o_orderdate")
    x = merged(
        region[region["r_name"] == "ASIA"], (t("nation", "n_nationkey n_name n_regionkey"), "r_regionkey", "n_regionkey"),
        (t("customer", "c_custkey c_nationkey"), "n_nationkey", "c_nationkey"),
        (orders[within(orders["o_orderdate"], date(1994, 1, 1), date(1995, 1, 1))], "c_custkey", "o_custkey"),
        (t("lineitem", "l_orderkey l_suppkey l_extendedprice l_discount"), "o_orderkey", "l_orderkey"),
        (t("supplier", "s_suppkey s_nationkey"), ["l_suppkey", "n_nationkey"], ["s_suppkey", "s_nationkey"]))
    x = x.assign(revenue=discounted(x))
    return done(x.groupby("n_name")["revenue"].sum()).reset_index().sort_values("revenue", ascending=False)


def q06(t, done):
    x = t("lineitem", "l_shipdate l_discount l_quantity l_extendedprice")
    x = x[within(x["l_shipdate"], date(1994, 1, 1), date(1995, 1, 1)) & x["l_discount"].between(0.05, 0.07) & (x["l_quantity"] < 24)]
    return single("revenue", done((x["l_extendedprice"] * x["l_discount"]).sum()))


def q07(t, done):
    nation, lines = t("nation", "n_nationkey n_name"), t("lineitem", "l_orderkey l_suppkey l_shipdate l_extendedprice l_discount")
    both = nation[nation["n_name"].isin(["FRANCE", "GERMANY"])]
    x = merged(
        both.rename(columns={"n_name": "cust_nation"}), (t("customer", "c_custkey c_nationkey"), "n_nationkey", "c_nationkey"),
        (t("orders", "o_orderkey o_custkey"), "c_custkey", "o_custkey"),
        (lines[within(lines["l_shipdate"], date(1995, 1, 1), date(1997, 1, 1))], "o_orderkey", "l_orderkey"),
        (t("supplier", "s_suppkey s_nationkey"), "l_suppkey", "s_suppkey"),
        (both.rename(columns={"n_nationkey": "from", "n_name": "supp_nation"}), "s_nationkey", "from"))
    x = x[x["supp_nation"] != x["cust_nation"]]
    x = x.assign(revenue=discounted(x), l_year=x["l_shipdate"].dt.year)
    keys = ["supp_nation", "cust_nation", "l_year"]
    return done(x.groupby(keys)["revenue"].sum()).reset_index().sort_values(keys)


def q08(t, done):
    part, orders = t("part", "p_partkey p_type"), t("orders", "o_orderkey o_custkey o_orderdate")
    region, nation = t("region", "r_regionkey r_name"), t("nation", "n_nationkey n_name n_regionkey")
    x = merged(
        part[part["p_type"] == "ECONOMY ANODIZED STEEL"],
        (t("lineitem", "l_orderkey l_partkey l_suppkey l_extendedprice l_discount"), "p_partkey", "l_partkey"),
        (t("supplier", "s_suppkey s_nationkey"), "l_suppkey", "s_suppkey"),
        (orders[within(orders["o_orderdate"], date(1995, 1, 1), date(1997, 1, 1))], "l_orderkey", "o_orderkey"),
        (t("customer", "c_custkey c_nationkey"), "o_custkey", "c_custkey"),
        (nation[["n_nationkey", "n_regionkey"]], "c_nationkey", "n_nationkey"),
        (region[region["r_name"] == "AMERICA"], "n_regionkey", "r_regionkey"),
        (nation[["n_nationkey", "n_name"]].rename(columns={"n_nationkey": "s_nation"}), "s_nationkey", "s_nation"))
    x = x.assign(volume=discounted(x), o_year=x["o_orderdate"].dt.year)
    x = x.assign(brazil=x["volume"].where(x["n_name"] == "BRAZIL", 0.0))
    g = done(x.groupby("o_year")[["brazil", "volume"]].sum()).reset_index().sort_values("o_year")
    return g.assign(mkt_share=g["brazil"] / g["volume"])[["o_year", "mkt_share"]]


def q09(t, done):
    part = t("part", "p_partkey p_name")
    x = merged(
        part[part["p_name"].str.contains("green", regex=False)],
        (t("partsupp", "ps_partkey ps_suppkey ps_supplycost"), "p_partkey", "ps_partkey"),
        (t("supplier", "s_suppkey s_nationkey"), "ps_suppkey", "s_suppkey"),
        (t("lineitem", "l_orderkey l_partkey l_suppkey l_quantity l_extendedprice l_discount"), ["p_partkey", "ps_suppkey"], ["l_partkey", "l_suppkey"]),
        (t("orders", "o_orderkey o_orderdate"), "l_orderkey", "o_orderkey"), (t("nation", "n_nationkey n_name"), "s_nationkey", "n_nationkey"))
    x = x.assign(o_year=x["o_orderdate"].dt.year, sum_profit=discounted(x) - x["ps_supplycost"] * x["l_quantity"])
    g = done(x.groupby(["n_name", "o_year"])["sum_profit"].sum()).reset_index()
    return g.sort_values(["n_name", "o_year"], ascending=[True, False])


def q10(t, done):
    orders, lines = t("orders", "o_orderkey o_custkey o_orderdate"), t("lineitem", "l_orderkey l_returnflag l_extendedprice l_discount")
    x = merged(
        t("customer", "c_custkey c_name c_acctbal c_phone c_address c_comment c_nationkey"),
        (orders[within(orders["o_orderdate"], date(1993, 10, 1), date(1994, 1, 1))], "c_custkey", "o_custkey"),
        (lines[lines["l_returnflag"] == "R"], "o_orderkey", "l_orderkey"), (t("nation", "n_nationkey n_name"), "c_nationkey", "n_nationkey"))
    x = x.assign(revenue=discounted(x))
    keys = ["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"]
    g = done(x.groupby(keys)["revenue"].sum()).reset_index().sort_values("revenue", ascending=False).head(20)
    return g[["c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment"]]


def q11(t, done):
    nation = t("nation", "n_nationkey n_name")
    x = merged(t("partsupp", "ps_partkey ps_suppkey ps_supplycost ps_availqty"), (t("supplier", "s_suppkey s_nationkey"), "ps_suppkey", "s_suppkey"),
               (nation[nation["n_name"] == "GERMANY"], "s_nationkey", "n_nationkey"))
    x = x.assign(value=x["ps_supplycost"] * x["ps_availqty"])
    g = done(x.groupby("ps_partkey")["value"].sum()).reset_index()
    return g[g["value"] > g["value"].sum() * 0.0001].sort_values("value", ascending=False)


def q12(t, done):
    x = t("lineitem", "l_orderkey l_shipmode l_shipdate l_commitdate l_receiptdate")
    x = x[x["l_shipmode"].isin(["MAIL", "SHIP"]) & (x["l_commitdate"] < x["l_receiptdate"]) & (x["l_shipdate"] < x["l_commitdate"])
          & within(x["l_receiptdate"], date(1994, 1, 1), date(1995, 1, 1))]
    x = x.merge(t("orders", "o_orderkey o_orderpriority"), left_on="l_orderkey", right_on="o_orderkey")
    high = x["o_orderpriority"].isin(["1-URGENT", "2-HIGH"]).astype("int64")
    x = x.assign(high_line_count=high, low_line_count=1 - high)
    return done(x.groupby("l_shipmode")[["high_line_count", "low_line_count"]].sum()).reset_index().sort_values("l_shipmode")


def q13(t, done):
    orders = t("orders", "o_orderkey o_custkey o_comment")
    orders = orders[~orders["o_comment"].str.contains("special.*requests")][["o_orderkey", "o_custkey"]]
    x = t("customer", "c_custkey").merge(orders, left_on="c_custkey", right_on="o_custkey", how="left")
    counts = x.groupby("c_custkey").agg(c_count=("o_orderkey", "count")).reset_index()
    g = done(counts.groupby("c_count").agg(custdist=("c_custkey", "count"))).reset_index()
    return g.sort_values(["custdist", "c_count"], ascending=False)


def q14(t, done):
    x = t("lineitem", "l_partkey l_shipdate l_extendedprice l_discount")
    x = x[within(x["l_shipdate"], date(1995, 9, 1), date(1995, 10, 1))].merge(t("part", "p_partkey p_type"), left_on="l_partkey", right_on="p_partkey")
    x = x.assign(revenue=discounted(x))
    x = x.assign(promoted=x["revenue"].where(x["p_type"].str.startswith("PROMO"), 0.0))
    sums = done(x[["promoted", "revenue"]].sum())
    return single("promo_revenue", 100 * sums["promoted"] / sums["revenue"])


def q15(t, done):
    x = t("lineitem", "l_suppkey l_shipdate l_extendedprice l_discount")
    x = x[within(x["l_shipdate"], date(1996, 1, 1), date(1996, 4, 1))]
    x = x.assign(total_revenue=discounted(x))
    g = done(x.groupby("l_suppkey")["total_revenue"].sum()).reset_index()
    g = g[g["total_revenue"] == g["total_revenue"].max()]
    suppliers = done(t("supplier", "s_suppkey s_name s_address s_phone"))
    x = suppliers.merge(g, left_on="s_suppkey", right_on="l_suppkey")
    return x[["s_suppkey", "s_name", "s_address", "s_phone", "total_revenue"]].sort_values("s_suppkey")


def q16(t, done):
    part, supplier = t("part", "p_partkey p_brand p_type p_size"), t("supplier", "s_suppkey s_comment")
    part = part[(part["p_brand"] != "Brand#45") & ~part["p_type"].str.startswith("MEDIUM POLISHED")
                & part["p_size"].isin([49, 14, 23, 45, 19, 3, 36, 9])]
    complained = done(supplier[supplier["s_comment"].str.contains("Customer.*Complaints")]["s_suppkey"])
    x = t("partsupp", "ps_partkey ps_suppkey").merge(part, left_on="ps_partkey", right_on="p_partkey")
    x = x[~x["ps_suppkey"].isin(complained.tolist())]
    keys = ["p_brand", "p_type", "p_size"]
    x = x[keys + ["ps_suppkey"]].drop_duplicates()
    g = done(x.groupby(keys).agg(supplier_cnt=("ps_suppkey", "count"))).reset_index()
    return g.sort_values(["supplier_cnt"] + keys, ascending=[False, True, True, True])


def q17(t, done):
    part = t("part", "p_partkey p_brand p_container")
    part = part[(part["p_brand"] == "Brand#23") & (part["p_container"] == "MED BOX")]
    x = part.merge(t("lineitem", "l_partkey l_quantity l_extendedprice"), left_on="p_partkey", right_on="l_partkey")
    x = done(x[["l_partkey", "l_quantity", "l_extendedprice"]])
    usual = 0.2 * x.groupby("l_partkey")["l_quantity"].transform("mean")
    few = x[x["l_quantity"] < usual]
    return single("avg_yearly", few["l_extendedprice"].sum() / 7 if len(few) else float("nan"))


def q18(t, done):
    large = t("lineitem", "l_orderkey l_quantity").groupby("l_orderkey").agg(quantity=("l_quantity", "sum")).reset_index()
    x = merged(t("orders", "o_orderkey o_custkey o_orderdate o_totalprice"), (large[large["quantity"] > 300], "o_orderkey", "l_orderkey"),
               (t("customer", "c_custkey c_name"), "o_custkey", "c_custkey"))
    x = done(x[["c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice", "quantity"]])
    return x.sort_values(["o_totalprice", "o_orderdate"], ascending=[False, True]).head(100)


def q19(t, done):
    part, lines = t("part", "p_partkey p_brand p_container p_size"), t("lineitem", "l_partkey l_quantity l_extendedprice l_discount l_shipmode l_shipinstruct")
    lines = lines[lines["l_shipmode"].isin(["AIR", "AIR REG"]) & (lines["l_shipinstruct"] == "DELIVER IN PERSON")]
    x = part.merge(lines, left_on="p_partkey", right_on="l_partkey")

    def kind(brand, least, size, containers):
        return ((x["p_brand"] == brand) & x["p_container"].isin(containers) & x["l_quantity"].between(least, least + 10)
                & x["p_size"].between(1, size))

    x = x[kind("Brand#12", 1, 5, ["SM CASE", "SM BOX", "SM PACK", "SM PKG"]) | kind("Brand#23", 10, 10, ["MED BAG", "MED BOX", "MED PKG", "MED PACK"])
          | kind("Brand#34", 20, 15, ["LG CASE", "LG BOX", "LG PACK", "LG PKG"])]
    return single("revenue", done(discounted(x).sum()))


def q20(t, done):
    lines, part, nation = t("lineitem", "l_partkey l_suppkey l_quantity l_shipdate"), t("part", "p_partkey p_name"), t("nation", "n_nationkey n_name")
    lines = lines[within(lines["l_shipdate"], date(1994, 1, 1), date(1995, 1, 1))]
    shipped = lines.groupby(["l_partkey", "l_suppkey"]).agg(shipped=("l_quantity", "sum")).reset_index()
    x = merged(part[part["p_name"].str.startswith("forest")], (t("partsupp", "ps_partkey ps_suppkey ps_availqty"), "p_partkey", "ps_partkey"),
               (shipped, ["ps_partkey", "ps_suppkey"], ["l_partkey", "l_suppkey"]))
    excess = x[x["ps_availqty"] > 0.5 * x["shipped"]][["ps_suppkey"]].drop_duplicates()
    x = merged(t("supplier", "s_suppkey s_name s_address s_nationkey"), (nation[nation["n_name"] == "CANADA"], "s_nationkey", "n_nationkey"),
               (excess, "s_suppkey", "ps_suppkey"))
    return done(x[["s_name", "s_address"]]).sort_values("s_name")


def q21(t, done):
    lines, orders, nation = t("lineitem", "l_orderkey l_suppkey l_commitdate l_receiptdate"), t("orders", "o_orderkey o_orderstatus"), t("nation", "n_nationkey n_name")
    late = lines[lines["l_receiptdate"] > lines["l_commitdate"]][["l_orderkey", "l_suppkey"]]

    def suppliers(x, name):
        return x[["l_orderkey", "l_suppkey"]].drop_duplicates().groupby("l_orderkey").agg(**{name: ("l_suppkey", "count")}).reset_index()

    several, one = suppliers(lines, "all"), suppliers(late, "late")
    x = merged(
        late, (t("supplier", "s_suppkey s_name s_nationkey"), "l_suppkey", "s_suppkey"), (nation[nation["n_name"] == "SAUDI ARABIA"], "s_nationkey", "n_nationkey"),
        (orders[orders["o_orderstatus"] == "F"], "l_orderkey", "o_orderkey"), (several[several["all"] > 1], "l_orderkey", "l_orderkey"),
        (one[one["late"] == 1], "l_orderkey", "l_orderkey"))
    g = done(x.groupby("s_name").agg(numwait=("l_orderkey", "count"))).reset_index()
    return g.sort_values(["numwait", "s_name"], ascending=[False, True]).head(100)


def q22(t, done):
    x = t("customer", "c_custkey c_phone c_acctbal")
    x = x.assign(cntrycode=x["c_phone"].str.slice(0, 2))
    x = x[x["cntrycode"].isin(["13", "31", "23", "29", "30", "18", "17"])]
    usual = done(x[x["c_acctbal"] > 0]["c_acctbal"].mean())
    buyers = t("orders", "o_custkey").drop_duplicates()
    x = x[x["c_acctbal"] > usual].merge(buyers, left_on="c_custkey", right_on="o_custkey", how="left")
    x = x[x["o_custkey"].isna()]
    return done(x.groupby("cntrycode").agg(numcust=("c_acctbal", "count"), totacctbal=("c_acctbal", "sum"))).reset_index().sort_values("cntrycode")


def frame_plan(query, t, done):
    return globals()[query](t, done)
