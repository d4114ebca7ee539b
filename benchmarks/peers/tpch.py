"""The 22 queries of TPC-H for the peers: SQL as the specification words it, and the verbs of Polars.

Both compute with float64, as the files have it.
"""

TABLES = ("region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem")

SQL = {
    "q01": """
        SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price, sum(l_extendedprice * (1 -
            l_discount)) AS sum_disc_price, sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, avg(l_quantity) AS
            avg_qty, avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
        FROM lineitem
        WHERE l_shipdate <= date '1998-09-02'
        GROUP BY l_returnflag, l_linestatus
        ORDER BY l_returnflag, l_linestatus""",
    "q02": """
        SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
        FROM part, supplier, partsupp, nation, region
        WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size = 15 AND p_type LIKE '%BRASS' AND s_nationkey = n_nationkey AND
            n_regionkey = r_regionkey AND r_name = 'EUROPE' AND ps_supplycost = (SELECT min(ps_supplycost)
        FROM partsupp, supplier, nation, region
        WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name =
            'EUROPE')
        ORDER BY s_acctbal DESC, n_name, s_name, p_partkey
        LIMIT 100""",
    "q03": """
        SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
        FROM customer, orders, lineitem
        WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate < date '1995-03-15' AND
            l_shipdate > date '1995-03-15'
        GROUP BY l_orderkey, o_orderdate, o_shippriority
        ORDER BY revenue DESC, o_orderdate
        LIMIT 10""",
    "q04": """
        SELECT o_orderpriority, count(*) AS order_count
        FROM orders
        WHERE o_orderdate >= date '1993-07-01' AND o_orderdate < date '1993-10-01' AND EXISTS (SELECT *
        FROM lineitem
        WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
        GROUP BY o_orderpriority
        ORDER BY o_orderpriority""",
    "q05": """
        SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
        FROM customer, orders, lineitem, supplier, nation, region
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey AND s_nationkey =
            n_nationkey AND n_regionkey = r_regionkey AND r_name = 'ASIA' AND o_orderdate >= date '1994-01-01' AND o_orderdate < date
            '1995-01-01'
        GROUP BY n_name
        ORDER BY revenue DESC""",
    "q06": """
        SELECT sum(l_extendedprice * l_discount) AS revenue
        FROM lineitem
        WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1995-01-01' AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24""",
    "q07": """
        SELECT supp_nation, cust_nation, l_year, sum(volume) AS revenue
        FROM (SELECT n1.n_name AS supp_nation, n2.n_name AS cust_nation, extract(year FROM l_shipdate) AS l_year, l_extendedprice * (1 -
            l_discount) AS volume
        FROM supplier, lineitem, orders, customer, nation n1, nation n2
        WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND c_custkey = o_custkey AND s_nationkey = n1.n_nationkey AND c_nationkey
            = n2.n_nationkey AND ((n1.n_name = 'FRANCE' AND n2.n_name = 'GERMANY') OR (n1.n_name = 'GERMANY' AND n2.n_name = 'FRANCE'))
            AND l_shipdate BETWEEN date '1995-01-01' AND date '1996-12-31') AS shipping
        GROUP BY supp_nation, cust_nation, l_year
        ORDER BY supp_nation, cust_nation, l_year""",
    "q08": """
        SELECT o_year, sum(CASE WHEN nation = 'BRAZIL' THEN volume ELSE 0 END) / sum(volume) AS mkt_share
        FROM (SELECT extract(year FROM o_orderdate) AS o_year, l_extendedprice * (1 - l_discount) AS volume, n2.n_name AS nation
        FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region
        WHERE p_partkey = l_partkey AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey AND c_nationkey =
            n1.n_nationkey AND n1.n_regionkey = r_regionkey AND r_name = 'AMERICA' AND s_nationkey = n2.n_nationkey AND o_orderdate
            BETWEEN date '1995-01-01' AND date '1996-12-31' AND p_type = 'ECONOMY ANODIZED STEEL') AS all_nations
        GROUP BY o_year
        ORDER BY o_year""",
    "q09": """
        SELECT nation, o_year, sum(amount) AS sum_profit
        FROM (SELECT n_name AS nation, extract(year FROM o_orderdate) AS o_year, l_extendedprice * (1 - l_discount) - ps_supplycost *
            l_quantity AS amount
        FROM part, supplier, lineitem, partsupp, orders, nation
        WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey AND p_partkey = l_partkey AND o_orderkey =
            l_orderkey AND s_nationkey = n_nationkey AND p_name LIKE '%green%') AS profit
        GROUP BY nation, o_year
        ORDER BY nation, o_year DESC""",
    "q10": """
        SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name, c_address, c_phone, c_comment
        FROM customer, orders, lineitem, nation
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= date '1993-10-01' AND o_orderdate < date '1994-01-01'
            AND l_returnflag = 'R' AND c_nationkey = n_nationkey
        GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
        ORDER BY revenue DESC
        LIMIT 20""",
    "q11": """
        SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
        FROM partsupp, supplier, nation
        WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY'
        GROUP BY ps_partkey
        HAVING sum(ps_supplycost * ps_availqty) > (SELECT sum(ps_supplycost * ps_availqty) * 0.0001000000
        FROM partsupp, supplier, nation
        WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY')
        ORDER BY value DESC""",
    "q12": """
        SELECT l_shipmode, sum(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END) AS high_line_count,
            sum(CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END) AS low_line_count
        FROM orders, lineitem
        WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
            AND l_receiptdate >= date '1994-01-01' AND l_receiptdate < date '1995-01-01'
        GROUP BY l_shipmode
        ORDER BY l_shipmode""",
    "q13": """
        SELECT c_count, count(*) AS custdist
        FROM (SELECT c_custkey, count(o_orderkey)
        FROM customer LEFT OUTER JOIN orders ON c_custkey = o_custkey AND o_comment NOT LIKE '%special%requests%'
        GROUP BY c_custkey) AS c_orders (c_custkey, c_count)
        GROUP BY c_count
        ORDER BY custdist DESC, c_count DESC""",
    "q14": """
        SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END) / sum(l_extendedprice * (1
            - l_discount)) AS promo_revenue
        FROM lineitem, part
        WHERE l_partkey = p_partkey AND l_shipdate >= date '1995-09-01' AND l_shipdate < date '1995-10-01'""",
    "q15": """
        WITH revenue AS (SELECT l_suppkey AS supplier_no, sum(l_extendedprice * (1 - l_discount)) AS total_revenue
        FROM lineitem
        WHERE l_shipdate >= date '1996-01-01' AND l_shipdate < date '1996-04-01'
        GROUP BY supplier_no) SELECT s_suppkey, s_name, s_address, s_phone, total_revenue
        FROM supplier, revenue
        WHERE s_suppkey = supplier_no AND total_revenue = (SELECT max(total_revenue)
        FROM revenue)
        ORDER BY s_suppkey""",
    "q16": """
        SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt
        FROM partsupp, part
        WHERE p_partkey = ps_partkey AND p_brand <> 'Brand#45' AND p_type NOT LIKE 'MEDIUM POLISHED%' AND p_size IN (49, 14, 23, 45, 19,
            3, 36, 9) AND ps_suppkey NOT IN (SELECT s_suppkey
        FROM supplier
        WHERE s_comment LIKE '%Customer%Complaints%')
        GROUP BY p_brand, p_type, p_size
        ORDER BY supplier_cnt DESC, p_brand, p_type, p_size""",
    "q17": """
        SELECT sum(l_extendedprice) / 7.0 AS avg_yearly
        FROM lineitem, part
        WHERE p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container = 'MED BOX' AND l_quantity < (SELECT 0.2 * avg(l_quantity)
        FROM lineitem
        WHERE l_partkey = p_partkey)""",
    "q18": """
        SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity)
        FROM customer, orders, lineitem
        WHERE o_orderkey IN (SELECT l_orderkey
        FROM lineitem
        GROUP BY l_orderkey
        HAVING sum(l_quantity) > 300) AND c_custkey = o_custkey AND o_orderkey = l_orderkey
        GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
        ORDER BY o_totalprice DESC, o_orderdate
        LIMIT 100""",
    "q19": """
        SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue
        FROM lineitem, part
        WHERE (p_partkey = l_partkey AND p_brand = 'Brand#12' AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG') AND l_quantity
            >= 1 AND l_quantity <= 1 + 10 AND p_size BETWEEN 1 AND 5 AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct =
            'DELIVER IN PERSON') OR (p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG',
            'MED PACK') AND l_quantity >= 10 AND l_quantity <= 10 + 10 AND p_size BETWEEN 1 AND 10 AND l_shipmode IN ('AIR', 'AIR REG')
            AND l_shipinstruct = 'DELIVER IN PERSON') OR (p_partkey = l_partkey AND p_brand = 'Brand#34' AND p_container IN ('LG CASE',
            'LG BOX', 'LG PACK', 'LG PKG') AND l_quantity >= 20 AND l_quantity <= 20 + 10 AND p_size BETWEEN 1 AND 15 AND l_shipmode IN
            ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON')""",
    "q20": """
        SELECT s_name, s_address
        FROM supplier, nation
        WHERE s_suppkey IN (SELECT ps_suppkey
        FROM partsupp
        WHERE ps_partkey IN (SELECT p_partkey
        FROM part
        WHERE p_name LIKE 'forest%') AND ps_availqty > (SELECT 0.5 * sum(l_quantity)
        FROM lineitem
        WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey AND l_shipdate >= date '1994-01-01' AND l_shipdate < date '1995-01-01'))
            AND s_nationkey = n_nationkey AND n_name = 'CANADA'
        ORDER BY s_name""",
    "q21": """
        SELECT s_name, count(*) AS numwait
        FROM supplier, lineitem l1, orders, nation
        WHERE s_suppkey = l1.l_suppkey AND o_orderkey = l1.l_orderkey AND o_orderstatus = 'F' AND l1.l_receiptdate > l1.l_commitdate AND
            EXISTS (SELECT *
        FROM lineitem l2
        WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey) AND NOT EXISTS (SELECT *
        FROM lineitem l3
        WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey AND l3.l_receiptdate > l3.l_commitdate) AND s_nationkey =
            n_nationkey AND n_name = 'SAUDI ARABIA'
        GROUP BY s_name
        ORDER BY numwait DESC, s_name
        LIMIT 100""",
    "q22": """
        SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal
        FROM (SELECT substring(c_phone
        FROM 1 FOR 2) AS cntrycode, c_acctbal
        FROM customer
        WHERE substring(c_phone
        FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17') AND c_acctbal > (SELECT avg(c_acctbal)
        FROM customer
        WHERE c_acctbal > 0.00 AND substring(c_phone
        FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17')) AND NOT EXISTS (SELECT *
        FROM orders
        WHERE o_custkey = c_custkey)) AS custsale
        GROUP BY cntrycode
        ORDER BY cntrycode""",
}


def polars_plan(query, t):
    """A lazy frame over t, which gives lazy frames by name."""
    from datetime import date

    import polars as pl

    c = pl.col
    revenue = c("l_extendedprice") * (1 - c("l_discount"))

    def along(x, *steps):
        """Inner joins with one table after the other, on a column of each side."""
        for table, left, right in steps:
            x = x.join(table, left_on=left, right_on=right)
        return x

    def between(name, low, high):
        return c(name).is_between(low, high, closed="left")

    def q01():
        return (
            t["lineitem"].filter(c("l_shipdate") <= date(1998, 9, 2)).group_by("l_returnflag", "l_linestatus")
            .agg(c("l_quantity").sum().alias("sum_qty"), c("l_extendedprice").sum().alias("sum_base_price"),
                 revenue.sum().alias("sum_disc_price"), (revenue * (1 + c("l_tax"))).sum().alias("sum_charge"),
                 c("l_quantity").mean().alias("avg_qty"), c("l_extendedprice").mean().alias("avg_price"),
                 c("l_discount").mean().alias("avg_disc"), pl.len().alias("count_order"))
            .sort("l_returnflag", "l_linestatus"))

    def q02():
        offers = (
            t["part"].filter(c("p_size") == 15, c("p_type").str.ends_with("BRASS"))
            .pipe(along, (t["partsupp"], "p_partkey", "ps_partkey"), (t["supplier"], "ps_suppkey", "s_suppkey"),
                  (t["nation"], "s_nationkey", "n_nationkey"), (t["region"].filter(c("r_name") == "EUROPE"), "n_regionkey", "r_regionkey")))
        least = offers.group_by("p_partkey").agg(c("ps_supplycost").min())
        return (
            offers.join(least, on=["p_partkey", "ps_supplycost"])
            .select("s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment")
            .sort("s_acctbal", "n_name", "s_name", "p_partkey", descending=[True, False, False, False]).head(100))

    def q03():
        return (
            t["customer"].filter(c("c_mktsegment") == "BUILDING")
            .join(t["orders"], left_on="c_custkey", right_on="o_custkey")
            .join(t["lineitem"], left_on="o_orderkey", right_on="l_orderkey")
            .filter(c("o_orderdate") < date(1995, 3, 15), c("l_shipdate") > date(1995, 3, 15))
            .group_by("o_orderkey", "o_orderdate", "o_shippriority").agg(revenue.sum().alias("revenue"))
            .select("o_orderkey", "revenue", "o_orderdate", "o_shippriority")
            .sort("revenue", "o_orderdate", descending=[True, False]).head(10))

    def q04():
        late = t["lineitem"].filter(c("l_commitdate") < c("l_receiptdate"))
        return (
            t["orders"].filter(between("o_orderdate", date(1993, 7, 1), date(1993, 10, 1)))
            .join(late, left_on="o_orderkey", right_on="l_orderkey", how="semi")
            .group_by("o_orderpriority").agg(pl.len().alias("order_count")).sort("o_orderpriority"))

    def q05():
        return (
            t["region"].filter(c("r_name") == "ASIA")
            .pipe(along, (t["nation"], "r_regionkey", "n_regionkey"), (t["customer"], "n_nationkey", "c_nationkey"),
                  (t["orders"], "c_custkey", "o_custkey"), (t["lineitem"], "o_orderkey", "l_orderkey"),
                  (t["supplier"], ["l_suppkey", "n_nationkey"], ["s_suppkey", "s_nationkey"]))
            .filter(between("o_orderdate", date(1994, 1, 1), date(1995, 1, 1)))
            .group_by("n_name").agg(revenue.sum().alias("revenue")).sort("revenue", descending=True))

    def q06():
        return (
            t["lineitem"].filter(between("l_shipdate", date(1994, 1, 1), date(1995, 1, 1)),
                                 c("l_discount").is_between(0.05, 0.07), c("l_quantity") < 24)
            .select((c("l_extendedprice") * c("l_discount")).sum().alias("revenue")))

    def q07():
        both = t["nation"].filter(c("n_name").is_in(["FRANCE", "GERMANY"]))
        return (
            both.select("n_nationkey", c("n_name").alias("cust_nation"))
            .pipe(along, (t["customer"], "n_nationkey", "c_nationkey"), (t["orders"], "c_custkey", "o_custkey"),
                  (t["lineitem"], "o_orderkey", "l_orderkey"), (t["supplier"], "l_suppkey", "s_suppkey"),
                  (both.select(c("n_nationkey").alias("from"), c("n_name").alias("supp_nation")), "s_nationkey", "from"))
            .filter(c("supp_nation") != c("cust_nation"), c("l_shipdate").is_between(date(1995, 1, 1), date(1996, 12, 31)))
            .group_by("supp_nation", "cust_nation", c("l_shipdate").dt.year().alias("l_year")).agg(revenue.sum().alias("revenue"))
            .sort("supp_nation", "cust_nation", "l_year"))

    def q08():
        return (
            t["part"].filter(c("p_type") == "ECONOMY ANODIZED STEEL")
            .pipe(along, (t["lineitem"], "p_partkey", "l_partkey"), (t["supplier"], "l_suppkey", "s_suppkey"),
                  (t["orders"], "l_orderkey", "o_orderkey"), (t["customer"], "o_custkey", "c_custkey"),
                  (t["nation"].select("n_nationkey", "n_regionkey"), "c_nationkey", "n_nationkey"),
                  (t["region"].filter(c("r_name") == "AMERICA"), "n_regionkey", "r_regionkey"),
                  (t["nation"].select("n_nationkey", "n_name"), "s_nationkey", "n_nationkey"))
            .filter(c("o_orderdate").is_between(date(1995, 1, 1), date(1996, 12, 31)))
            .select(c("o_orderdate").dt.year().alias("o_year"), revenue.alias("volume"), "n_name")
            .group_by("o_year")
            .agg((pl.when(c("n_name") == "BRAZIL").then(c("volume")).otherwise(0).sum() / c("volume").sum()).alias("mkt_share"))
            .sort("o_year"))

    def q09():
        return (
            t["part"].filter(c("p_name").str.contains("green", literal=True))
            .pipe(along, (t["partsupp"], "p_partkey", "ps_partkey"), (t["supplier"], "ps_suppkey", "s_suppkey"),
                  (t["lineitem"], ["p_partkey", "ps_suppkey"], ["l_partkey", "l_suppkey"]), (t["orders"], "l_orderkey", "o_orderkey"),
                  (t["nation"], "s_nationkey", "n_nationkey"))
            .group_by(c("n_name").alias("nation"), c("o_orderdate").dt.year().alias("o_year"))
            .agg((revenue - c("ps_supplycost") * c("l_quantity")).sum().alias("sum_profit"))
            .sort("nation", "o_year", descending=[False, True]))

    def q10():
        keys = ["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"]
        return (
            t["customer"].join(t["orders"], left_on="c_custkey", right_on="o_custkey")
            .join(t["lineitem"], left_on="o_orderkey", right_on="l_orderkey")
            .join(t["nation"], left_on="c_nationkey", right_on="n_nationkey")
            .filter(between("o_orderdate", date(1993, 10, 1), date(1994, 1, 1)), c("l_returnflag") == "R")
            .group_by(keys).agg(revenue.sum().alias("revenue"))
            .select("c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment")
            .sort("revenue", descending=True).head(20))

    def q11():
        stock = (
            t["partsupp"].join(t["supplier"], left_on="ps_suppkey", right_on="s_suppkey")
            .join(t["nation"].filter(c("n_name") == "GERMANY"), left_on="s_nationkey", right_on="n_nationkey")
            .select("ps_partkey", (c("ps_supplycost") * c("ps_availqty")).alias("value")))
        return (
            stock.group_by("ps_partkey").agg(c("value").sum())
            .join(stock.select((c("value").sum() * 0.0001).alias("limit")), how="cross")
            .filter(c("value") > c("limit")).select("ps_partkey", "value").sort("value", descending=True))

    def q12():
        high = c("o_orderpriority").is_in(["1-URGENT", "2-HIGH"])
        return (
            t["orders"].join(t["lineitem"], left_on="o_orderkey", right_on="l_orderkey")
            .filter(c("l_shipmode").is_in(["MAIL", "SHIP"]), c("l_commitdate") < c("l_receiptdate"),
                    c("l_shipdate") < c("l_commitdate"), between("l_receiptdate", date(1994, 1, 1), date(1995, 1, 1)))
            .group_by("l_shipmode").agg(high.sum().alias("high_line_count"), high.not_().sum().alias("low_line_count"))
            .sort("l_shipmode"))

    def q13():
        orders = t["orders"].filter(c("o_comment").str.contains("special.*requests").not_())
        return (
            t["customer"].join(orders, left_on="c_custkey", right_on="o_custkey", how="left")
            .group_by("c_custkey").agg(c("o_orderkey").count().alias("c_count"))
            .group_by("c_count").agg(pl.len().alias("custdist"))
            .sort("custdist", "c_count", descending=[True, True]))

    def q14():
        promoted = pl.when(c("p_type").str.starts_with("PROMO")).then(revenue).otherwise(0)
        return (
            t["lineitem"].filter(between("l_shipdate", date(1995, 9, 1), date(1995, 10, 1)))
            .join(t["part"], left_on="l_partkey", right_on="p_partkey")
            .select((100 * promoted.sum() / revenue.sum()).alias("promo_revenue")))

    def q15():
        revenues = (
            t["lineitem"].filter(between("l_shipdate", date(1996, 1, 1), date(1996, 4, 1)))
            .group_by("l_suppkey").agg(revenue.sum().alias("total_revenue")))
        return (
            t["supplier"].join(revenues, left_on="s_suppkey", right_on="l_suppkey")
            .filter(c("total_revenue") == c("total_revenue").max())
            .select("s_suppkey", "s_name", "s_address", "s_phone", "total_revenue").sort("s_suppkey"))

    def q16():
        complained = t["supplier"].filter(c("s_comment").str.contains("Customer.*Complaints"))
        return (
            t["partsupp"].join(t["part"], left_on="ps_partkey", right_on="p_partkey")
            .filter(c("p_brand") != "Brand#45", c("p_type").str.starts_with("MEDIUM POLISHED").not_(),
                    c("p_size").is_in([49, 14, 23, 45, 19, 3, 36, 9]))
            .join(complained, left_on="ps_suppkey", right_on="s_suppkey", how="anti")
            .group_by("p_brand", "p_type", "p_size").agg(c("ps_suppkey").n_unique().alias("supplier_cnt"))
            .sort("supplier_cnt", "p_brand", "p_type", "p_size", descending=[True, False, False, False]))

    def q17():
        lines = (
            t["part"].filter(c("p_brand") == "Brand#23", c("p_container") == "MED BOX")
            .join(t["lineitem"], left_on="p_partkey", right_on="l_partkey"))
        return (
            lines.join(lines.group_by("p_partkey").agg((0.2 * c("l_quantity").mean()).alias("usual")), on="p_partkey")
            .filter(c("l_quantity") < c("usual"))
            .select(pl.when(pl.len() > 0).then(c("l_extendedprice").sum() / 7).alias("avg_yearly")))

    def q18():
        large = t["lineitem"].group_by("l_orderkey").agg(c("l_quantity").sum().alias("quantity")).filter(c("quantity") > 300)
        return (
            t["orders"].join(large, left_on="o_orderkey", right_on="l_orderkey")
            .join(t["customer"], left_on="o_custkey", right_on="c_custkey")
            .select("c_name", c("o_custkey").alias("c_custkey"), "o_orderkey", "o_orderdate", "o_totalprice", "quantity")
            .sort("o_totalprice", "o_orderdate", descending=[True, False]).head(100))

    def q19():
        def kind(brand, least, size, containers):
            return ((c("p_brand") == brand) & c("p_container").is_in(containers) & c("l_quantity").is_between(least, least + 10)
                    & c("p_size").is_between(1, size))

        return (
            t["part"].join(t["lineitem"], left_on="p_partkey", right_on="l_partkey")
            .filter(c("l_shipmode").is_in(["AIR", "AIR REG"]), c("l_shipinstruct") == "DELIVER IN PERSON",
                    kind("Brand#12", 1, 5, ["SM CASE", "SM BOX", "SM PACK", "SM PKG"])
                    | kind("Brand#23", 10, 10, ["MED BAG", "MED BOX", "MED PKG", "MED PACK"])
                    | kind("Brand#34", 20, 15, ["LG CASE", "LG BOX", "LG PACK", "LG PKG"]))
            .select(revenue.sum().alias("revenue")))

    def q20():
        shipped = (
            t["lineitem"].filter(between("l_shipdate", date(1994, 1, 1), date(1995, 1, 1)))
            .group_by("l_partkey", "l_suppkey").agg((0.5 * c("l_quantity").sum()).alias("shipped")))
        excess = (
            t["partsupp"].join(t["part"].filter(c("p_name").str.starts_with("forest")), left_on="ps_partkey", right_on="p_partkey", how="semi")
            .join(shipped, left_on=["ps_partkey", "ps_suppkey"], right_on=["l_partkey", "l_suppkey"])
            .filter(c("ps_availqty") > c("shipped")))
        return (
            t["supplier"].join(t["nation"].filter(c("n_name") == "CANADA"), left_on="s_nationkey", right_on="n_nationkey")
            .join(excess, left_on="s_suppkey", right_on="ps_suppkey", how="semi").select("s_name", "s_address").sort("s_name"))

    def q21():
        late = t["lineitem"].filter(c("l_receiptdate") > c("l_commitdate"))
        several = t["lineitem"].group_by("l_orderkey").agg(c("l_suppkey").n_unique().alias("n")).filter(c("n") > 1)
        waiting = several.join(late, on="l_orderkey")
        return (
            waiting.group_by("l_orderkey").agg(c("l_suppkey").n_unique().alias("late")).join(waiting, on="l_orderkey")
            .pipe(along, (t["supplier"], "l_suppkey", "s_suppkey"), (t["nation"], "s_nationkey", "n_nationkey"),
                  (t["orders"], "l_orderkey", "o_orderkey"))
            .filter(c("late") == 1, c("n_name") == "SAUDI ARABIA", c("o_orderstatus") == "F")
            .group_by("s_name").agg(pl.len().alias("numwait")).sort("numwait", "s_name", descending=[True, False]).head(100))

    def q22():
        customers = (
            t["customer"].with_columns(c("c_phone").str.slice(0, 2).alias("cntrycode"))
            .filter(c("cntrycode").is_in(["13", "31", "23", "29", "30", "18", "17"])))
        usual = customers.filter(c("c_acctbal") > 0).select(c("c_acctbal").mean().alias("usual"))
        return (
            customers.join(t["orders"], left_on="c_custkey", right_on="o_custkey", how="anti")
            .join(usual, how="cross").filter(c("c_acctbal") > c("usual"))
            .group_by("cntrycode").agg(pl.len().alias("numcust"), c("c_acctbal").sum().alias("totacctbal")).sort("cntrycode"))

    return locals()[query]()
