"""Engines for tables: each returns a function to time and one that gives its answer as Arrow."""

import os

import tpch
from answers import WrittenFile
from files import file_name, load
from measure import start_dask
from queries import (AROUND_SQL, BRC_SQL, GROUP_SQL, JOIN_ON, JOIN_SQL, SORT_BY, frame_brc, frame_group, frame_join, polars_around,
                     polars_brc, polars_group, polars_join)
from tpch_frames import frame_plan


AROUND = ("window", "asof")
IN_MEMORY = ("h2o-groupby", "h2o-join", "sort", "write") + AROUND
CLUSTER_JOIN = {"cluster/join": "q2", "cluster/big": "q5"}


def tables_of(case):
    family, _, query = case.partition("/")
    if family == "h2o-join":
        return ["j1_x", "j1_" + JOIN_ON[query][0]]
    if family == "asof":
        return ["ticks_x", "ticks_y"]
    if family == "tpch":
        return ["tpch_" + t for t in tpch.TABLES]
    if case in CLUSTER_JOIN:
        return ["j1_x", "j1_" + JOIN_ON[CLUSTER_JOIN[case]][0]]
    return ["brc"] if family == "1brc" else ["g1"]


def written(case):
    """The format of the file that the answer of a case is written to, if it is."""
    return {"outofcore/sort": "parquet", "write/csv": "csv", "write/parquet": "parquet"}.get(case)


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
    if family in IN_MEMORY:
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
    sql = (AROUND_SQL[query] if family in AROUND else JOIN_SQL[query] if family == "h2o-join" else BRC_SQL if family == "1brc"
           else sort_sql(query) if family == "sort" else "FROM g1" if family == "write" else GROUP_SQL[query])
    source = {
        "1brc": f"read_csv('{path}', delim=';', header=false, columns={{'station': 'VARCHAR', 'temperature': 'DOUBLE'}})",
        "parquet": f"read_parquet('{path}.parquet')",
        "scan": f"read_parquet('{path}.parquet')",
        "h2o-groupby": "g1",
        "sort": "g1",
    }.get(family, f"read_csv('{path}')")
    sql = sql.format(t=source)
    if format := written(o.case):
        out = os.path.join(o.data, f"duckdb-{os.getpid()}.out.{format}")
        how = "FORMAT csv" if format == "csv" else "FORMAT parquet, COMPRESSION snappy"
        return (lambda: con.execute(f"COPY ({sql}) TO '{out}' ({how})")), (lambda _: WrittenFile(out, query == "sort"))
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
    if family in IN_MEMORY:
        tables = {t: pl.from_arrow(load(o.data, t, o.rows)).lazy() for t in tables_of(o.case)}
        if family in AROUND:
            plan = lambda: polars_around(query, tables)
        else:
            plan = lambda: (polars_join(query, tables) if family == "h2o-join" else tables["g1"] if family == "write"
                            else polars_group(query, tables["g1"]))
    elif family == "tpch":
        scan = lambda t: pl.scan_parquet(os.path.join(o.data, file_name("tpch_" + t, o.rows)) + ".parquet")
        plan = lambda: tpch.polars_plan(query, Scans(scan))
    elif family == "1brc":
        schema = {"station": pl.String, "temperature": pl.Float64}
        plan = lambda: polars_brc(pl.scan_csv(path, separator=";", has_header=False, schema=schema))
    elif family in ("parquet", "scan"):
        plan = lambda: polars_group(query, pl.scan_parquet(path + ".parquet"))
    else:
        plan = lambda: polars_group(query, pl.scan_csv(path))
    if format := written(o.case):
        out = os.path.join(o.data, f"polars-{os.getpid()}.out.{format}")
        sink = lambda: plan().sink_csv(out, engine=engine) if format == "csv" else plan().sink_parquet(out, compression="snappy", engine=engine)
        return sink, (lambda _: WrittenFile(out, query == "sort"))
    return (lambda: plan().collect(engine=engine)), (lambda df: df.to_arrow())


def frame_engine(o):
    """pandas, or Dask with one of its schedulers."""
    import pandas as pd

    dask = o.engine.startswith("dask")
    if dask:
        import dask.dataframe as dd

        o.client = start_dask(o)
    read = dd if dask else pd
    family, _, query = o.case.partition("/")
    path = os.path.join(o.data, file_name(tables_of(o.case)[0], o.rows))
    if family in ("h2o-groupby", "h2o-join", "sort"):
        tables = {t: load(o.data, t, o.rows).to_pandas(types_mapper=None) for t in tables_of(o.case)}
        if dask:
            tables = {t: dd.from_pandas(x, npartitions=max(1, min(4 * o.threads, len(x) // 10000))) for t, x in tables.items()}
        plan = lambda: frame_join(query, tables) if family == "h2o-join" else frame_group(query, tables["g1"], dask)
    elif family == "tpch":
        def columns(table, names):
            return read.read_parquet(os.path.join(o.data, file_name("tpch_" + table, o.rows)) + ".parquet", columns=names.split(), dtype_backend="pyarrow")

        done = (lambda x: x.compute()) if dask else (lambda x: x)
        return (lambda: frame_plan(query, columns, done)), arrow_frame
    elif family == "1brc":
        plan = lambda: frame_brc(read.read_csv(path, sep=";", header=None, names=["station", "temperature"]))
    elif o.case in CLUSTER_JOIN:
        tables = {t: read.read_csv(os.path.join(o.data, file_name(t, o.rows))) for t in tables_of(o.case)}
        plan = lambda: frame_join(CLUSTER_JOIN[o.case], tables)
    elif family in ("parquet", "cluster"):
        plan = lambda: frame_group(query, read.read_parquet(path + ".parquet"), dask)
    else:
        plan = lambda: frame_group(query, read.read_csv(path), dask)
    once = (lambda: plan().compute()) if dask else plan
    return once, arrow_frame


def arrow_frame(df):
    import pyarrow as pa

    return pa.Table.from_pandas(df, preserve_index=False)
