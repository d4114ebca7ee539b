"""The questions about tables: SQL, the verbs of Polars, and those that pandas and Dask share."""

SORT_BY = {"float": ["v3", "id6"], "text": ["id3", "id6"], "few": ["v1", "v3"]}

GROUP_SQL = {
    "q1": "SELECT id1, sum(v1) AS v1 FROM {t} GROUP BY id1",
    "q2": "SELECT id1, id2, sum(v1) AS v1 FROM {t} GROUP BY id1, id2",
    "q3": "SELECT id3, sum(v1) AS v1, avg(v3) AS v3 FROM {t} GROUP BY id3",
    "q4": "SELECT id4, avg(v1) AS v1, avg(v2) AS v2, avg(v3) AS v3 FROM {t} GROUP BY id4",
    "q5": "SELECT id6, sum(v1) AS v1, sum(v2) AS v2, sum(v3) AS v3 FROM {t} GROUP BY id6",
    "q6": "SELECT id4, id5, quantile_cont(v3, 0.5) AS median_v3, stddev(v3) AS sd_v3 FROM {t} GROUP BY id4, id5",
    "q7": "SELECT id3, max(v1) - min(v2) AS range_v1_v2 FROM {t} GROUP BY id3",
    "q8": "SELECT id6, unnest(max(v3, 2)) AS largest2_v3 FROM {t} WHERE v3 IS NOT NULL GROUP BY id6",
    "q9": "SELECT id2, id4, pow(corr(v1, v2), 2) AS r2 FROM {t} GROUP BY id2, id4",
    "q10": "SELECT id1, id2, id3, id4, id5, id6, sum(v3) AS v3, count(*) AS count FROM {t} GROUP BY id1, id2, id3, id4, id5, id6",
    "all": "SELECT id1, max(id2) AS id2, max(id3) AS id3, sum(id4) AS id4, sum(id5) AS id5, sum(id6) AS id6,"
    " sum(v1) AS v1, sum(v2) AS v2, sum(v3) AS v3 FROM {t} GROUP BY id1",
    "columns": "SELECT sum(strlen(id1)) AS id1, sum(strlen(id2)) AS id2, sum(strlen(id3)) AS id3, avg(id4) AS id4, avg(id5) AS id5,"
    " avg(id6) AS id6, avg(v1) AS v1, avg(v2) AS v2, avg(v3) AS v3 FROM {t}",
    "codes": "SELECT sum(strlen(id1)) AS id1, sum(strlen(id2)) AS id2, avg(id4) AS id4, avg(id5) AS id5, avg(id6) AS id6,"
    " avg(v1) AS v1, avg(v2) AS v2 FROM {t}",
    "sort": "SELECT id6, v1, v3 FROM {t} ORDER BY v3, id6",
}

MEDIUM = "x.*, y.id1 AS medium_id1, y.id4 AS medium_id4, y.id5 AS medium_id5, y.v2"
JOIN_SQL = {
    "q1": "SELECT x.*, y.id4 AS small_id4, y.v2 FROM j1_x x JOIN j1_small y USING (id1)",
    "q2": f"SELECT {MEDIUM} FROM j1_x x JOIN j1_medium y USING (id2)",
    "q3": f"SELECT {MEDIUM} FROM j1_x x LEFT JOIN j1_medium y USING (id2)",
    "q4": "SELECT x.*, y.id1 AS medium_id1, y.id2 AS medium_id2, y.id4 AS medium_id4, y.v2 FROM j1_x x JOIN j1_medium y USING (id5)",
    "q5": "SELECT x.*, y.id1 AS big_id1, y.id2 AS big_id2, y.id4 AS big_id4, y.id5 AS big_id5, y.id6 AS big_id6, y.v2"
    " FROM j1_x x JOIN j1_big y USING (id3)",
}
JOIN_ON = {"q1": ("small", "id1", "inner"), "q2": ("medium", "id2", "inner"), "q3": ("medium", "id2", "left"),
           "q4": ("medium", "id5", "inner"), "q5": ("big", "id3", "inner")}

BRC_SQL = "SELECT station, min(temperature) AS min, avg(temperature) AS mean, max(temperature) AS max FROM {t} GROUP BY station"


BY_V3 = "PARTITION BY id6 ORDER BY v3"
AROUND_SQL = {
    "whole": "SELECT id6, v1, v3, sum(v1) OVER w AS total, avg(v3) OVER w AS middle FROM g1 WINDOW w AS (PARTITION BY id6)",
    "few": "SELECT id4, v3, max(v3) OVER (PARTITION BY id4) AS most FROM g1",
    "text": "SELECT id3, v3, avg(v3) OVER (PARTITION BY id3) AS middle FROM g1",
    "rank": f"SELECT id6, v3, rank() OVER ({BY_V3}) AS place FROM g1",
    "running": f"SELECT id6, v3, sum(v3) OVER ({BY_V3} ROWS UNBOUNDED PRECEDING) AS total, lag(v3) OVER ({BY_V3}) AS before FROM g1",
    "moving": f"SELECT id6, v3, avg(v3) OVER ({BY_V3} ROWS 6 PRECEDING) AS middle FROM g1",
    "time": "SELECT x.t, x.v1, y.t AS t_right, y.v2 FROM ticks_x x ASOF LEFT JOIN ticks_y y ON x.t >= y.t",
    "by": "SELECT x.*, y.t AS t_right, y.v2 FROM ticks_x x ASOF LEFT JOIN ticks_y y ON x.k = y.k AND x.t >= y.t",
}


def polars_around(query, tables):
    import polars as pl

    c = pl.col
    if query in ("time", "by"):
        x, y = tables["ticks_x"], tables["ticks_y"]
        if query == "time":
            return x.select("t", "v1").join_asof(y.select("t", "v2"), on="t", coalesce=False)
        return x.join_asof(y, on="t", by="k", coalesce=False, check_sortedness=False)
    x = tables["g1"]
    if query == "whole":
        return x.select("id6", "v1", "v3", c("v1").sum().over("id6").alias("total"), c("v3").mean().over("id6").alias("middle"))
    if query == "few":
        return x.select("id4", "v3", c("v3").max().over("id4").alias("most"))
    if query == "text":
        return x.select("id3", "v3", c("v3").mean().over("id3").alias("middle"))
    if query == "rank":
        return x.select("id6", "v3", c("v3").rank("min").over("id6").alias("place"))
    if query == "running":
        return x.select("id6", "v3", c("v3").cum_sum().over("id6", order_by="v3").alias("total"), c("v3").shift(1).over("id6", order_by="v3").alias("before"))
    if query == "moving":
        return x.select("id6", "v3", c("v3").rolling_mean(7, min_samples=1).over("id6", order_by="v3").alias("middle"))
    raise SystemExit(f"no query {query}")


def polars_group(query, x):
    import polars as pl

    c = pl.col
    if query == "q1":
        return x.group_by("id1").agg(c("v1").sum())
    if query == "q2":
        return x.group_by("id1", "id2").agg(c("v1").sum())
    if query == "q3":
        return x.group_by("id3").agg(c("v1").sum(), c("v3").mean())
    if query == "q4":
        return x.group_by("id4").agg(c("v1").mean(), c("v2").mean(), c("v3").mean())
    if query == "q5":
        return x.group_by("id6").agg(c("v1").sum(), c("v2").sum(), c("v3").sum())
    if query == "q6":
        return x.group_by("id4", "id5").agg(c("v3").median().alias("median_v3"), c("v3").std().alias("sd_v3"))
    if query == "q7":
        return x.group_by("id3").agg((c("v1").max() - c("v2").min()).alias("range_v1_v2"))
    if query == "q8":
        return x.drop_nulls("v3").group_by("id6").agg(c("v3").top_k(2).alias("largest2_v3")).explode("largest2_v3")
    if query == "q9":
        return x.group_by("id2", "id4").agg((pl.corr("v1", "v2", method="pearson") ** 2).alias("r2"))
    if query == "q10":
        return x.group_by("id1", "id2", "id3", "id4", "id5", "id6").agg(c("v3").sum(), pl.len().alias("count"))
    if query == "all":
        return x.group_by("id1").agg(c("id2", "id3").max(), c("id4", "id5", "id6", "v1", "v2", "v3").sum())
    if query in ("columns", "codes"):
        texts, numbers = (["id1", "id2", "id3"], ["id4", "id5", "id6", "v1", "v2", "v3"]) if query == "columns" else (["id1", "id2"], ["id4", "id5", "id6", "v1", "v2"])
        return x.select(c(texts).str.len_bytes().sum(), c(numbers).mean())
    if query == "sort":
        return x.select("id6", "v1", "v3").sort("v3", "id6")
    if query in SORT_BY:
        return x.select("id3", "id6", "v1", "v3").sort(SORT_BY[query])
    raise SystemExit(f"no query {query}")


def polars_join(query, tables):
    right, key, how = JOIN_ON[query]
    y = tables["j1_" + right]
    names = {c: f"{right}_{c}" for c in y.collect_schema().names() if c.startswith("id") and c != key}
    return tables["j1_x"].join(y.rename(names), on=key, how=how)


def polars_brc(x):
    import polars as pl

    c = pl.col("temperature")
    return x.group_by("station").agg(c.min().alias("min"), c.mean().alias("mean"), c.max().alias("max"))


def grouped(x, keys, **named):
    """Sums and the like by keys, nulls a group of their own, in columns after the keys."""
    return x.groupby(list(keys), dropna=False, observed=True).agg({c: f for c, f in named.items()}).reset_index()


def two_largest(x):
    return x.sort_values("v3", ascending=False).groupby("id6").head(2)


def correlation(g):
    return g["v1"].corr(g["v2"]) ** 2


def frame_group(query, x, dask):
    if query == "q1":
        return grouped(x, ["id1"], v1="sum")
    if query == "q2":
        return grouped(x, ["id1", "id2"], v1="sum")
    if query == "q3":
        return grouped(x, ["id3"], v1="sum", v3="mean")
    if query == "q4":
        return grouped(x, ["id4"], v1="mean", v2="mean", v3="mean")
    if query == "q5":
        return grouped(x, ["id6"], v1="sum", v2="sum", v3="sum")
    if query == "q6":
        g = x.groupby(["id4", "id5"], dropna=False)["v3"]
        parts = [g.median().rename("median_v3"), g.std().rename("sd_v3")]
        if dask:
            return parts[0].to_frame().join(parts[1].to_frame()).reset_index()
        import pandas as pd

        return pd.concat(parts, axis=1).reset_index()
    if query == "q7":
        y = grouped(x, ["id3"], v1="max", v2="min")
        y["range_v1_v2"] = y["v1"] - y["v2"]
        return y[["id3", "range_v1_v2"]]
    if query == "q8":
        y = x[["id6", "v3"]].dropna(subset=["v3"])
        y = y.shuffle("id6").map_partitions(two_largest) if dask else two_largest(y)
        return y.rename(columns={"v3": "largest2_v3"})
    if query == "q9":
        g = x[["id2", "id4", "v1", "v2"]].groupby(["id2", "id4"])
        y = g.apply(correlation, meta=("r2", "float64")) if dask else g.apply(correlation)
        return y.rename("r2").reset_index()
    if query == "q10":
        keys = ["id1", "id2", "id3", "id4", "id5", "id6"]
        y = x[keys + ["v3"]]
        y["count"] = 1
        return grouped(y, keys, v3="sum", count="sum")
    if query in SORT_BY:
        return x[["id3", "id6", "v1", "v3"]].sort_values(SORT_BY[query])
    if query == "all":
        return grouped(x, ["id1"], id2="max", id3="max", id4="sum", id5="sum", id6="sum", v1="sum", v2="sum", v3="sum")
    raise SystemExit(f"no query {query}")


def frame_join(query, tables):
    right, key, how = JOIN_ON[query]
    y = tables["j1_" + right]
    names = {c: f"{right}_{c}" for c in y.columns if c.startswith("id") and c != key}
    x = tables["j1_x"]
    return x.merge(y.rename(columns=names), on=key, how=how)


def frame_brc(x):
    g = x.groupby("station")["temperature"]
    return g.agg(["min", "mean", "max"]).reset_index()
