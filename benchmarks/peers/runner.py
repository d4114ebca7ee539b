"""Runs one case of the benchmarks with one of the peers and prints one line of JSON.

    runner.py --engine duckdb --case h2o-groupby/q1 --data FOLDER --rows 10000000 --threads 2 --reps 3
    runner.py --prepare g1_1e7.csv --data FOLDER      (writes the Arrow and Parquet files beside CSV files)
    runner.py --versions

Engines:
    duckdb            tables in DuckDB's own format, the answer as a table in it
    duckdb-arrow      Arrow tables in, an Arrow table out
    polars            the in-memory engine, the answer as a data frame
    polars-streaming  the streaming engine, the answer as a data frame
    numpy             one thread for most of what is asked, its BLAS on all
    scipy             matrices: LAPACK called with what is known of them
    numba             loops over arrays compiled with all threads
    celery            small calls, one worker with a process for each thread, Redis (redis-server, or $REDIS_SERVER)
    pandas            one thread, as it comes
    dask              Dask data frames, the scheduler of threads
    dask-distributed  Dask data frames, a local cluster of one process for each thread

Loading, also into an engine's own format, is not timed; reading a file that a case
names is. CPU seconds are those of all threads of the process.
"""

import argparse
import gc
import importlib
import json
import sys
import time

import calls
from answers import answer
from arrays import array_engine, matrix_engine, numba_engine
from files import prepare
from measure import cpu, reset_peak, status
from tables import duckdb_engine, frame_engine, polars_engine


NEEDS = {"dask": ["dask.dataframe", "distributed"], "celery": ["redis"]}  # beside pyarrow, which has the data and the answers


def version(engine):
    return importlib.import_module(engine.split("-")[0]).__version__


def versions():
    """The versions of the engines that can run here, and what is missing for the others."""
    out = {"versions": {}, "missing": {}}
    for name in ("duckdb", "polars", "pandas", "dask", "pyarrow", "numpy", "scipy", "numba", "celery"):
        try:
            for module in ["pyarrow", *NEEDS.get(name, [])]:
                importlib.import_module(module)
            if name == "celery" and not calls.redis_server():
                raise ImportError("no redis-server, of the package redis-server or redis, on the PATH or in $REDIS_SERVER")
            out["versions"][name] = version(name)
        except ImportError as e:
            out["missing"][name] = str(e)
    return out


def run(o):
    engines = {"duckdb": duckdb_engine, "polars": polars_engine, "pandas": frame_engine, "dask": frame_engine, "numpy": array_engine,
               "scipy": matrix_engine, "numba": numba_engine}
    if o.case.startswith("array/"):
        engines["dask"] = array_engine
    if o.case.startswith("linalg/"):
        engines["dask"] = engines["numpy"] = matrix_engine
    if o.case in calls.CASES:
        engines["dask"] = engines["celery"] = calls.calls_engine
    o.client = None
    once, arrow = engines[o.engine.split("-")[0]](o)
    try:
        return measured(o, once, arrow)
    finally:
        if o.client:
            o.client.close()


def measured(o, once, arrow):
    gc.collect()
    reset_peak()
    res = {"engine": o.engine, "version": version(o.engine), "case": o.case, "rows": o.rows, "threads": o.threads,
           "memory": o.memory, "base": status("VmRSS"), "reps": []}
    got, times = None, []
    start = time.perf_counter()
    for i in range(o.reps):
        if i and time.perf_counter() - start > o.enough > 0:
            break
        got = None
        gc.collect()
        c, w = cpu(), time.perf_counter()
        got = once()
        res["reps"].append({"wall": time.perf_counter() - w, "cpu": cpu() - c})
        if arrow is None:
            times += got[1]
    res["peak"] = status("VmHWM")
    if arrow is None:
        res["tasks"] = got[0]
        if times:
            res["middle"] = sorted(times)[len(times) // 2]
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
    p.add_argument("--enough", type=float, default=0, help="what takes more seconds is not repeated; 0: all repetitions")
    p.add_argument("--scale", type=int, default=1, help="divides the number of calls")
    p.add_argument("--prepare", nargs="+")
    p.add_argument("--versions", action="store_true")
    o = p.parse_args()
    if o.versions:
        print(json.dumps(versions()))
        return
    if o.prepare:
        for name in o.prepare:
            prepare(o.data, name)
        return
    try:
        res = run(o)
    except Exception as e:
        res = {"engine": o.engine, "version": "", "case": o.case, "rows": o.rows, "threads": o.threads,
               "memory": o.memory, "reps": [], "error": f"{type(e).__name__}: {e}".strip()}
    json.dump(res, sys.stdout)
    print()


if __name__ == "__main__":
    main()
