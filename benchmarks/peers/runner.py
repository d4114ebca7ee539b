"""Runs one case of the benchmarks with one of the peers and prints one line of JSON.

    runner.py --engine duckdb --case h2o-groupby/q1 --data FOLDER --rows 10000000 --threads 2 --reps 3
    runner.py --prepare g1_1e7.csv --data FOLDER      (writes the Arrow and Parquet files beside a CSV file)
    runner.py --versions

Engines:
    duckdb            tables in DuckDB's own format, the answer as a table in it
    duckdb-arrow      Arrow tables in, an Arrow table out
    polars            the in-memory engine, the answer as a data frame
    polars-streaming  the streaming engine, the answer as a data frame
    numpy             one thread for most of what is asked, its BLAS on all
    scipy             matrices: LAPACK called with what is known of them
    numba             loops over arrays compiled with all threads
    pandas            one thread, as it comes
    dask              Dask data frames, the scheduler of threads
    dask-distributed  Dask data frames, a local cluster of one process for each thread

Loading, also into an engine's own format, is not timed; reading a file that a case
names is. CPU seconds are those of all threads of the process.
"""

import argparse
import gc
import json
import os
import resource
import sys
import time

import tpch

MODULUS = 97
FIRST = 3
INT = ("id1", "id2", "id3", "id4", "id5", "id6", "v1", "v2")


def status(name):
    """A figure of this process in bytes, such as VmHWM; 0 where the system does not tell."""
    try:
        with open("/proc/self/status") as f:
            for line in f:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def reset_peak():
    """Makes VmHWM begin at the present size."""
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        pass


def cpu():
    """CPU seconds of this process, and of its living children: a local cluster is made of them."""
    r = resource.getrusage(resource.RUSAGE_SELF)
    total = r.ru_utime + r.ru_stime
    if "psutil" in sys.modules:
        for p in sys.modules["psutil"].Process().children(recursive=True):
            try:
                t = p.cpu_times()
                total += t.user + t.system
            except sys.modules["psutil"].Error:
                pass
    return total


def size_name(rows):
    s = str(rows)
    short = s.rstrip("0")
    zeros = len(s) - len(short)
    return f"{short}e{zeros}" if zeros > 2 else s


def file_name(table, rows):
    if table == "brc":
        return f"brc_{size_name(rows)}.txt"
    base, _, part = table.partition("_")
    return f"{base}_{size_name(rows)}{'_' + part if part else ''}.csv"


# ---- tables


def column_type(table, name):
    """The plain Arrow type a generated column has."""
    import pyarrow as pa

    if table.startswith("tpch"):
        return tpch_type(name)

    if name in ("v2", "v3", "v1") and table.startswith("j1"):
        return pa.float64()
    if name == "v3":
        return pa.float64()
    text = ("id4", "id5", "id6") if table.startswith("j1") else ("id1", "id2", "id3")
    return pa.string() if name in text else pa.int32()


def tpch_type(name):
    import pyarrow as pa

    _, _, what = name.partition("_")
    if what in ("orderkey", "partkey", "suppkey", "custkey"):
        return pa.int64()
    if what in ("nationkey", "regionkey", "linenumber", "size", "availqty", "shippriority"):
        return pa.int32()
    if what.endswith("date"):
        return pa.date32()
    money = ("acctbal", "retailprice", "supplycost", "totalprice", "quantity", "extendedprice", "discount", "tax")
    return pa.float64() if what in money else pa.string()


def prepare(data, name):
    """Writes the Arrow and the Parquet file beside a CSV file, if they are not there."""
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.ipc as ipc
    import pyarrow.parquet as parquet

    path = os.path.join(data, name)
    trade = name.startswith("tpch")
    todo = [p for p in (path + ".arrow", path + ".parquet") if not os.path.exists(p) and not (trade and p.endswith(".arrow"))]
    if not todo:
        return
    delimiter = "|" if trade else ","
    with open(path) as f:
        header = f.readline().strip().split(delimiter)
    types = {c: column_type(name, c) for c in header}
    t = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False if trade else '"'),
                     convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False))
    t = t.combine_chunks()
    if path + ".arrow" in todo:
        with pa.OSFile(path + ".arrow.tmp", "wb") as f, ipc.new_file(f, t.schema) as w:
            w.write_table(t, max_chunksize=1 << 20)
        os.rename(path + ".arrow.tmp", path + ".arrow")
    if path + ".parquet" in todo and not name.startswith("j1"):
        parquet.write_table(t, path + ".parquet.tmp", compression="snappy", row_group_size=1 << 20)
        os.rename(path + ".parquet.tmp", path + ".parquet")


def load(data, table, rows):
    """A table in memory, in record batches of 2^20 rows."""
    import pyarrow as pa
    import pyarrow.ipc as ipc

    prepare(data, file_name(table, rows))
    with pa.OSFile(os.path.join(data, file_name(table, rows)) + ".arrow", "rb") as f:
        return ipc.open_file(f).read_all()


# ---- queries: SQL, and the same in Polars

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


# ---- engines: each returns a function to time and one that gives its answer as Arrow


def tables_of(case):
    family, _, query = case.partition("/")
    if family == "h2o-join":
        return ["j1_x", "j1_" + JOIN_ON[query][0]]
    if family == "tpch":
        return ["tpch_" + t for t in tpch.TABLES]
    if case == "cluster/join":
        return ["j1_x", "j1_medium"]
    return ["brc"] if family == "1brc" else ["g1"]


def sort_sql(query):
    return f"SELECT id3, id6, v1, v3 FROM {{t}} ORDER BY {', '.join(SORT_BY[query])}"


def duckdb_engine(o):
    import duckdb

    con = duckdb.connect()
    con.execute(f"SET threads={o.threads}")
    con.execute("SET preserve_insertion_order=false")
    con.execute(f"SET temp_directory='{os.path.join(o.data, 'duckdb.tmp')}'")
    if o.memory:
        con.execute(f"SET memory_limit='{o.memory // (1 << 20)}MiB'")
    family, _, query = o.case.partition("/")
    path = os.path.join(o.data, file_name(tables_of(o.case)[0], o.rows))
    if family in ("h2o-groupby", "h2o-join", "sort"):
        for t in tables_of(o.case):
            arrow = load(o.data, t, o.rows)
            con.register(t, arrow) if o.engine == "duckdb-arrow" else con.from_arrow(arrow).create(t)
            del arrow
    if family == "tpch":
        for t in tpch.TABLES:
            file = os.path.join(o.data, file_name("tpch_" + t, o.rows)) + ".parquet"
            if os.path.exists(file):
                con.execute(f"CREATE VIEW {t} AS FROM read_parquet('{file}')")
        return (lambda: con.execute(f"CREATE OR REPLACE TABLE ans AS {tpch.SQL[query]}")), (lambda _: con.sql("FROM ans").to_arrow_table())
    sql = JOIN_SQL[query] if family == "h2o-join" else BRC_SQL if family == "1brc" else sort_sql(query) if family == "sort" else GROUP_SQL[query]
    source = {
        "1brc": f"read_csv('{path}', delim=';', header=false, columns={{'station': 'VARCHAR', 'temperature': 'DOUBLE'}})",
        "parquet": f"read_parquet('{path}.parquet')",
        "h2o-groupby": "g1",
        "sort": "g1",
    }.get(family, f"read_csv('{path}')")
    sql = sql.format(t=source)
    if query == "sort":
        out = os.path.join(o.data, f"duckdb-{os.getpid()}.out.parquet")
        return (lambda: con.execute(f"COPY ({sql}) TO '{out}' (FORMAT parquet, COMPRESSION snappy)")), (lambda _: SortedFile(out))
    if o.engine == "duckdb-arrow":
        return (lambda: con.sql(sql).to_arrow_table()), (lambda t: t)
    return (lambda: con.execute(f"CREATE OR REPLACE TABLE ans AS {sql}")), (lambda _: con.sql("FROM ans").to_arrow_table())


class Scans(dict):
    """Lazy frames by name, made when they are asked for."""

    def __init__(self, scan):
        self.scan = scan

    def __missing__(self, name):
        self[name] = self.scan(name)
        return self[name]


def polars_engine(o):
    os.environ["POLARS_MAX_THREADS"] = str(o.threads)
    import polars as pl

    engine = "streaming" if o.engine == "polars-streaming" else "in-memory"
    family, _, query = o.case.partition("/")
    path = os.path.join(o.data, file_name(tables_of(o.case)[0], o.rows))
    if family in ("h2o-groupby", "h2o-join", "sort"):
        tables = {t: pl.from_arrow(load(o.data, t, o.rows)).lazy() for t in tables_of(o.case)}
        plan = lambda: polars_join(query, tables) if family == "h2o-join" else polars_group(query, tables["g1"])
    elif family == "tpch":
        scan = lambda t: pl.scan_parquet(os.path.join(o.data, file_name("tpch_" + t, o.rows)) + ".parquet")
        plan = lambda: tpch.polars_plan(query, Scans(scan))
    elif family == "1brc":
        schema = {"station": pl.String, "temperature": pl.Float64}
        plan = lambda: polars_brc(pl.scan_csv(path, separator=";", has_header=False, schema=schema))
    elif family == "parquet":
        plan = lambda: polars_group(query, pl.scan_parquet(path + ".parquet"))
    else:
        plan = lambda: polars_group(query, pl.scan_csv(path))
    if query == "sort":
        out = os.path.join(o.data, f"polars-{os.getpid()}.out.parquet")
        return (lambda: plan().sink_parquet(out, compression="snappy", engine=engine)), (lambda _: SortedFile(out))
    return (lambda: plan().collect(engine=engine)), (lambda df: df.to_arrow())


# ---- pandas and Dask: the same text serves both


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


def frame_engine(o):
    """pandas, or Dask with one of its schedulers."""
    import pandas as pd

    dask = o.engine.startswith("dask")
    if dask:
        import dask as settings
        import dask.dataframe as dd

        if o.engine == "dask-distributed":
            import psutil  # noqa: F401 (cpu looks for it)
            from distributed import Client, LocalCluster

            cluster = LocalCluster(n_workers=o.threads, threads_per_worker=1, dashboard_address=None,
                                   memory_limit=o.memory // o.threads if o.memory else "auto")
            o.client = Client(cluster)
        else:
            settings.config.set(scheduler="threads", num_workers=o.threads)
    read = dd if dask else pd
    family, _, query = o.case.partition("/")
    path = os.path.join(o.data, file_name(tables_of(o.case)[0], o.rows))
    if family in ("h2o-groupby", "h2o-join", "sort"):
        tables = {t: load(o.data, t, o.rows).to_pandas(types_mapper=None) for t in tables_of(o.case)}
        if dask:
            tables = {t: dd.from_pandas(x, npartitions=max(1, min(4 * o.threads, len(x) // 10000))) for t, x in tables.items()}
        plan = lambda: frame_join(query, tables) if family == "h2o-join" else frame_group(query, tables["g1"], dask)
    elif family == "1brc":
        plan = lambda: frame_brc(read.read_csv(path, sep=";", header=None, names=["station", "temperature"]))
    elif o.case == "cluster/join":
        tables = {t: read.read_csv(os.path.join(o.data, file_name(t, o.rows))) for t in tables_of(o.case)}
        plan = lambda: frame_join("q2", tables)
    elif family in ("parquet", "cluster"):
        plan = lambda: frame_group(query, read.read_parquet(path + ".parquet"), dask)
    else:
        plan = lambda: frame_group(query, read.read_csv(path), dask)
    once = (lambda: plan().compute()) if dask else plan

    def arrow(df):
        import pyarrow as pa

        return pa.Table.from_pandas(df, preserve_index=False)

    return once, arrow


# ---- arrays


def fractions(n, factor):
    import numpy as np

    return ((np.arange(n, dtype=np.uint64) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)).astype(np.float64) / 2.0**32


def array_engine(o):
    """NumPy, or Dask's arrays with threads or a local cluster."""
    import numpy as np

    dask = o.engine.startswith("dask")
    _, _, query = o.case.partition("/")
    n, side = 40 * o.rows, int((40.0 * o.rows) ** 0.5)
    if dask:
        import dask as settings
        import dask.array as da

        if o.engine == "dask-distributed":
            import psutil  # noqa: F401 (cpu looks for it)
            from distributed import Client, LocalCluster

            o.client = Client(LocalCluster(n_workers=o.threads, threads_per_worker=1, dashboard_address=None))
        else:
            settings.config.set(scheduler="threads", num_workers=o.threads)
    lib = da if dask else np
    put = (lambda x, c: da.from_array(x, chunks=c)) if dask else (lambda x, c: x)
    if query in ("norm", "sine"):
        x, y = put(fractions(n, 2654435761), 1 << 20), put(fractions(n, 2246822519), 1 << 20)
    elif query != "tiny":
        x = put(fractions(side * side, 2654435761).reshape(side, side), (1000, 1000))

    def plan():
        if query == "norm":
            return [lib.sqrt(x * x + y * y).sum()]
        if query == "sine":
            return [(lib.sqrt(x * x + y * y) + lib.sin(x)).sum()]
        if query == "moments":
            return [x.mean(axis=0), x.mean(axis=1), x.std(axis=0), x.std(axis=1)]
        if query == "transposed":
            return [(x + x.T).sum()]
        if query == "tiny":
            ones = da.ones(10_000_000, chunks=1000) if dask else np.ones(10_000_000)
            return [(2 * ones + 1).sum()]
        raise SystemExit(f"no query {query}")

    def once():
        out = settings.compute(*plan()) if dask else plan()
        return np.concatenate([np.atleast_1d(v) for v in out])

    def arrow(v):
        import pyarrow as pa

        return pa.table({"v": v})

    return once, arrow


def matrix_engine(o):
    """Matrices in NumPy, SciPy or Dask."""
    import numpy as np

    _, _, query = o.case.partition("/")
    dask, n, thin = o.engine.startswith("dask"), int(o.rows**0.5), 64
    if dask:
        import dask as settings
        import dask.array as da

        settings.config.set(scheduler="threads", num_workers=o.threads)
    lib = da if dask else np
    put = (lambda x, c: da.from_array(x, chunks=c)) if dask else (lambda x, c: x)
    square = lambda factor: fractions(n * n, factor).reshape(n, n)
    if query == "matmul":
        x, y = put(square(2654435761), (1000, 1000)), put(square(2246822519), (1000, 1000))
    elif query in ("solve", "cholesky"):
        x = square(2654435761)
        x = x + n * np.eye(n) if query == "solve" else x + x.T + 2 * n * np.eye(n)
        b, x = put(x.sum(axis=1), 1000), put(x, (1000, 1000))
    else:
        x = put(fractions(o.rows * thin, 2654435761).reshape(o.rows, thin), (max(thin, o.rows // 8), thin))

    def plan():
        if query == "matmul":
            return (x @ y).sum(axis=0)
        if o.engine == "scipy":
            import scipy.linalg as sl

            if query == "solve":
                return sl.solve(x, b)
            if query == "cholesky":
                return sl.solve(x, b, assume_a="pos")
            if query == "qr":
                return (sl.qr(x, mode="r", check_finite=False)[0][:thin] ** 2).sum(axis=0)
            return (sl.svdvals(x, check_finite=False) ** 2).sum()
        if query == "solve":
            return lib.linalg.solve(x, b)
        if query == "cholesky":
            return da.linalg.solve(x, b, sym_pos=True) if dask else np.linalg.solve(x, b)
        if query == "qr":
            return (lib.linalg.qr(x)[1] ** 2).sum(axis=0)
        return ((da.linalg.svd(x)[1] if dask else np.linalg.svd(x, full_matrices=False)[1]) ** 2).sum()

    def once():
        return np.atleast_1d(plan().compute() if dask else plan())

    def arrow(v):
        import pyarrow as pa

        return pa.table({"v": v})

    return once, arrow


def numba_engine(o):
    import math

    import numba
    import numpy as np

    numba.set_num_threads(min(o.threads, numba.config.NUMBA_NUM_THREADS))
    n = 40 * o.rows
    x, y = fractions(n, 2654435761), fractions(n, 2246822519)
    sine = o.case == "array/sine"

    @numba.njit(parallel=True, fastmath=True)
    def norm(x, y, sine):
        s = 0.0
        for i in numba.prange(x.size):
            v = math.sqrt(x[i] * x[i] + y[i] * y[i])
            s += v + math.sin(x[i]) if sine else v
        return s

    norm(x[:10], y[:10], sine)  # compiling is not timed

    def arrow(v):
        import pyarrow as pa

        return pa.table({"v": np.atleast_1d(v)})

    return (lambda: norm(x, y, sine)), arrow


def tasks_engine(o):
    """Calls on Dask's cluster of two processes, checked here: they have no answer to compare."""
    import psutil  # noqa: F401 (cpu looks for it)
    from distributed import Client, LocalCluster

    c = o.client = Client(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
    _, _, query = o.case.partition("/")

    def tasks():
        n = 100_000 // o.scale
        assert c.gather(c.map(lambda x: x + 1, range(n), pure=False)) == list(range(1, n + 1))
        return n

    def latency():
        n = max(10, 1000 // o.scale)
        for i in range(n):
            assert c.submit(lambda x: x + 1, i, pure=False).result() == i + 1
        return n

    def transfer():
        n = max(2, 32 // o.scale)
        for i in range(n):
            assert len(c.submit(lambda x: bytes(8 << 20), i, pure=False).result()) == 8 << 20
        return n

    return {"tasks": tasks, "latency": latency, "transfer": transfer}[query], None


# ---- answers: see answer.go, which makes the same of weft's results


class SortedFile:
    """A Parquet file of id6, v1, v3 in the order of v3, id6."""

    def __init__(self, path):
        self.path = path


def plain(col):
    """Texts and integers of any width as large_string and int64."""
    import pyarrow as pa

    t = col.type
    if pa.types.is_date32(t):
        return col.cast(pa.int32()).cast(pa.int64())
    if pa.types.is_decimal(t) or pa.types.is_integer(t):
        return col.cast(pa.int64())
    if pa.types.is_floating(t):
        return col.cast(pa.float64())
    return col.cast(pa.large_string())


def keys_of(col):
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(col.type):
        return None
    if pa.types.is_integer(col.type):
        k = col.to_numpy()
    elif len(col) and pc.all(pc.starts_with(col, "id")).as_py():
        k = pc.utf8_slice_codeunits(col, 2).cast(pa.int64()).to_numpy()
    else:
        k = pc.binary_length(col).cast(pa.int64()).to_numpy()
    return k % MODULUS


def column_answer(name, col, keys, first):
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    out = {"name": name, "n": len(col) - col.null_count, "dot": 0}
    if pa.types.is_large_string(col.type):
        out.update(kind="text", sum=pc.sum(pc.binary_length(col)).as_py() or 0)
    else:
        out["kind"] = "int" if pa.types.is_integer(col.type) else "float"
        valid = np.ones(len(col), bool) if col.null_count == 0 else col.is_valid().to_numpy()
        v = pc.fill_null(col, 0).to_numpy()
        if out["kind"] == "float":
            valid = valid & ~np.isnan(v)
            v = np.where(valid, v, 0.0)
            out["n"] = int(valid.sum())
        out["sum"] = v.sum().item()
        if not first and keys is not None:
            out["dot"] = (v * keys).sum().item()
    m = pc.min_max(col).as_py()
    out.update(min=m["min"], max=m["max"])
    return out


def answer(table):
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(table, SortedFile):
        return sorted_answer(table)
    table = pa.table({n: plain(table[n]) for n in table.column_names})
    keys = keys_of(table[0])
    cols = [column_answer(n, table[n], keys, i == 0) for i, n in enumerate(table.column_names)]
    order = [(n, "ascending") for n in table.column_names]
    top = table.take(pc.select_k_unstable(table, k=min(FIRST, len(table)), sort_keys=order))
    return {"rows": len(table), "cols": cols, "first": [list(r.values()) for r in top.to_pylist()]}


def sorted_answer(f):
    import numpy as np
    import pyarrow.parquet as parquet

    try:
        t = parquet.read_table(f.path)
        v3, id6 = t["v3"].to_numpy(), t["id6"].to_numpy()
        same = v3[1:] == v3[:-1]
        if not np.all(v3[1:] >= v3[:-1]) or not np.all(id6[1:][same] >= id6[:-1][same]):
            raise SystemExit("the rows are not sorted by v3, id6")
        del v3, id6, same
        return answer(t)
    finally:
        os.remove(f.path)


# ---- the command


def version(engine):
    try:
        return __import__(engine.split("-")[0]).__version__
    except ImportError:
        return ""


def run(o):
    engines = {"duckdb": duckdb_engine, "polars": polars_engine, "pandas": frame_engine, "dask": frame_engine, "numpy": array_engine,
               "scipy": matrix_engine, "numba": numba_engine}
    if o.case.startswith("array/"):
        engines["dask"] = array_engine
    if o.case.startswith("linalg/"):
        engines["dask"] = engines["numpy"] = matrix_engine
    if o.case in ("cluster/tasks", "cluster/latency", "cluster/transfer"):
        engines["dask"] = tasks_engine
    once, arrow = engines[o.engine.split("-")[0]](o)
    gc.collect()
    reset_peak()
    res = {"engine": o.engine, "version": version(o.engine), "case": o.case, "rows": o.rows, "threads": o.threads,
           "memory": o.memory, "base": status("VmRSS"), "reps": []}
    got = None
    for _ in range(o.reps):
        got = None
        gc.collect()
        c, w = cpu(), time.perf_counter()
        got = once()
        res["reps"].append({"wall": time.perf_counter() - w, "cpu": cpu() - c})
    res["peak"] = status("VmHWM")
    if arrow is None:
        res["tasks"] = got
    else:
        res["answer"] = answer(arrow(got))
    return res


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--engine")
    p.add_argument("--case")
    p.add_argument("--data")
    p.add_argument("--rows", type=int)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--memory", type=int, default=0)
    p.add_argument("--reps", type=int, default=1)
    p.add_argument("--scale", type=int, default=1, help="divides the number of calls")
    p.add_argument("--prepare")
    p.add_argument("--versions", action="store_true")
    o = p.parse_args()
    if o.versions:
        print(json.dumps({m: version(m) for m in ("duckdb", "polars", "pandas", "dask", "pyarrow", "numpy", "scipy", "numba") if version(m)}))
        return
    if o.prepare:
        prepare(o.data, o.prepare)
        return
    try:
        res = run(o)
    except Exception as e:
        res = {"engine": o.engine, "version": version(o.engine), "case": o.case, "rows": o.rows, "threads": o.threads,
               "memory": o.memory, "reps": [], "error": f"{type(e).__name__}: {e}".strip()}
    json.dump(res, sys.stdout)
    print()


if __name__ == "__main__":
    main()
