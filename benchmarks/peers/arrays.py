"""Engines for arrays and matrices: each returns a function to time and one that gives its answer as Arrow."""

from measure import start_dask


def fits(o, size):
    """Ends the run where Dask's cluster would need more memory than the machine has: the graph holds the arrays, and so do
    the scheduler, the wire and the workers, each once or twice."""
    import os

    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if o.engine == "dask-distributed" and 8 * size > have:
        raise SystemExit(f"arrays of {size / 1e9:.1f} GB, which a cluster holds up to eight times, for {have / 1e9:.0f} GB of memory")


def fractions(n, factor):
    import numpy as np

    return ((np.arange(n, dtype=np.uint64) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)).astype(np.float64) / 2.0**32


def small(n, factor):
    import numpy as np

    return (((np.arange(n, dtype=np.uint64) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)) >> np.uint64(28)).astype(np.float32)


def arrow(v):
    import numpy as np
    import pyarrow as pa

    return pa.table({"v": np.atleast_1d(v)})


def array_engine(o):
    """NumPy, or Dask's arrays with threads or a local cluster."""
    import numpy as np

    dask = o.engine.startswith("dask")
    _, _, query = o.case.partition("/")
    n, side = 40 * o.rows, int((40.0 * o.rows) ** 0.5)
    if query != "tiny":
        fits(o, 8 * n * (2 if query in ("norm", "sine") else 1))
    if dask:
        import dask as settings
        import dask.array as da

        o.client = start_dask(o)
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
        if query in ("mean0", "mean1"):
            return [x.mean(axis=int(query[-1]))]
        if query in ("std0", "std1"):
            return [x.std(axis=int(query[-1]))]
        if query == "transposed":
            return [(x + x.T).sum()]
        if query == "tiny":
            ones = da.ones(10_000_000, chunks=1000) if dask else np.ones(10_000_000)
            return [(2 * ones + 1).sum()]
        raise SystemExit(f"no query {query}")

    def once():
        out = settings.compute(*plan()) if dask else plan()
        return np.concatenate([np.atleast_1d(v) for v in out])

    return once, arrow


def matrix_engine(o):
    """Matrices in NumPy, SciPy or Dask."""
    import numpy as np

    _, _, query = o.case.partition("/")
    dask, n, thin = o.engine.startswith("dask"), int(o.rows**0.5), 64
    if query == "compressed":
        fits(o, 8 * 40 * o.rows)
    if dask:
        import dask.array as da

        o.client = start_dask(o)
    lib = da if dask else np
    put = (lambda x, c: da.from_array(x, chunks=c)) if dask else (lambda x, c: x)
    square = lambda factor: fractions(n * n, factor).reshape(n, n)
    if query == "matmul":
        x, y = (put(square(f), (1024, 1024)) for f in (2654435761, 2246822519))
    elif query == "matmul32":
        x, y = (put(small(n * n, f).reshape(n, n), (1024, 1024)) for f in (2654435761, 2246822519))
    elif query == "fft":
        points = 1 << (o.rows.bit_length() - 1)
        x = put(fractions(points, 2654435761) + 1j * fractions(points, 2246822519), -1)
    elif query in ("solve", "cholesky"):
        x = square(2654435761)
        x = x + n * np.eye(n) if query == "solve" else x + x.T + 2 * n * np.eye(n)
        b, x = put(x.sum(axis=1), 1000), put(x, (1000, 1000))
    elif query == "compressed":
        side = int((40.0 * o.rows) ** 0.5)
        x = fractions(side * 20, 2654435761).reshape(side, 20) @ fractions(side * 20, 2246822519).reshape(20, side)
        x = put(x, (1000, 1000))
    else:
        x = put(fractions(o.rows * thin, 2654435761).reshape(o.rows, thin), (max(thin, o.rows // 8), thin))

    def plan():
        if query == "matmul":
            return (x @ y).sum(axis=0)
        if query == "matmul32":
            return (x @ y).sum(axis=0, dtype="float64")
        if query == "fft":
            if o.engine == "scipy":
                import scipy.fft

                sizes = abs(scipy.fft.fft(x, workers=o.threads))
            else:
                sizes = abs(lib.fft.fft(x))
            return lib.stack([sizes.sum(), sizes.max()])
        if o.engine == "scipy":
            import scipy.linalg as sl

            if query == "solve":
                return sl.solve(x, b)
            if query == "cholesky":
                return sl.solve(x, b, assume_a="pos")
            if query == "compressed":
                from scipy.sparse.linalg import svds

                return (svds(x, 20, return_singular_vectors=False) ** 2).sum()
            if query == "qr":
                return (sl.qr(x, mode="r", check_finite=False)[0][:thin] ** 2).sum(axis=0)
            return (sl.svdvals(x, check_finite=False) ** 2).sum()
        if query == "solve":
            return lib.linalg.solve(x, b)
        if query == "cholesky":
            return da.linalg.solve(x, b, sym_pos=True) if dask else np.linalg.solve(x, b)
        if query == "compressed" and dask:
            return (da.linalg.svd_compressed(x, 20, iterator="QR", n_power_iter=2, seed=1)[1] ** 2).sum()
        if query == "compressed":
            q = np.linalg.qr(x @ np.random.default_rng(1).normal(size=(x.shape[1], 30)))[0]
            for _ in range(2):
                q = np.linalg.qr(x @ np.linalg.qr(x.T @ q)[0])[0]
            return (np.linalg.svd(q.T @ x, full_matrices=False)[1][:20] ** 2).sum()
        if query == "qr":
            return (lib.linalg.qr(x)[1] ** 2).sum(axis=0)
        return ((da.linalg.svd(x)[1] if dask else np.linalg.svd(x, full_matrices=False)[1]) ** 2).sum()

    def once():
        return plan().compute() if dask else plan()

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

    return (lambda: norm(x, y, sine)), arrow
