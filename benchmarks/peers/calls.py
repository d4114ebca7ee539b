"""Engines for small calls on two worker processes: what is timed checks its results.

It returns the number of calls and the times of single ones, where those are asked. Of
many calls a tenth runs, of large plans a hundredth: the report says so.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from measure import start_dask


CASES = ("cluster/tasks", "cluster/latency", "cluster/submits", "cluster/sums", "cluster/transfer", "cluster/move", "cluster/exchange", "cluster/ingest")


def one(x):
    return x + 1


def plus(x, y):
    return x + y


def total(xs):
    return sum(xs)


def piece(x):
    return bytes(8 << 20)


class Dask:
    def __init__(self, o):
        self.client = start_dask(o, workers=0 if o.case == "cluster/ingest" else None)

    def submit(self, f, *args):
        return self.client.submit(f, *args, pure=False)

    def map(self, f, args):
        return self.client.gather(self.client.map(f, args, pure=False))

    def gather(self, futures):
        return self.client.gather(futures)

    def sum_of(self, pairs):
        return self.client.submit(total, [self.submit(plus, *p) for p in pairs], pure=False).result()

    def get(self, future):
        return future.result()

    def close(self):
        self.client.close()


def redis_server():
    """The program of the store that Celery wants, or nothing."""
    return shutil.which(os.environ.get("REDIS_SERVER", "redis-server"))


def celery_app(port):
    from celery import Celery

    url = f"redis://127.0.0.1:{port}/0"
    app = Celery("calls", broker=url, backend=url)
    app.conf.update(worker_prefetch_multiplier=100, task_serializer="json", broker_connection_retry_on_startup=True)
    tasks = {f.__name__: app.task(f, name=f.__name__) for f in (one, plus, total)}
    return app, tasks


class Celery:
    """Redis as broker and as store of results, one worker that forks a process for each thread."""

    def __init__(self, o):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.dir = tempfile.mkdtemp(prefix="weft-celery-")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.started = [subprocess.Popen([redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", self.dir], **quiet)]
        self.app, self.tasks = celery_app(port)
        self.started.append(subprocess.Popen([sys.executable, __file__, str(port), str(o.threads)], **quiet))
        self.submit(one, 1).get(timeout=30)

    def submit(self, f, *args):
        return self.tasks[f.__name__].delay(*args)

    def map(self, f, args):
        from celery import group

        return group(self.tasks[f.__name__].s(x) for x in args).apply_async().get()

    def gather(self, results):
        return [r.get() for r in results]

    def sum_of(self, pairs):
        from celery import chord

        return chord(self.tasks["plus"].s(*p) for p in pairs)(self.tasks["total"].s()).get()

    def get(self, result):
        return result.get()

    def close(self):
        for p in reversed(self.started):
            p.terminate()
            p.wait(timeout=20)
        shutil.rmtree(self.dir, ignore_errors=True)


def calls_engine(o):
    c = o.client = Celery(o) if o.engine == "celery" else Dask(o)
    _, _, query = o.case.partition("/")

    def tasks():
        n = max(10, 10_000 // o.scale)
        assert c.map(one, range(n)) == list(range(1, n + 1))
        return n, []

    def latency():
        times = []
        for i in range(max(10, 1000 // o.scale)):
            start = time.perf_counter()
            assert c.get(c.submit(one, i)) == i + 1
            times.append(time.perf_counter() - start)
        return len(times), times

    def submits():
        n = max(10, 1000 // o.scale)
        assert c.gather([c.submit(one, i) for i in range(n)]) == list(range(1, n + 1))
        return n, []

    def sums():
        assert c.sum_of([(i, i) for i in range(100)]) == 9900
        return 101, []

    def transfer():
        n = max(2, 32 // o.scale)
        for i in range(n):
            assert len(c.get(c.submit(piece, i))) == 8 << 20
        return n, []

    def move():
        import numpy as np
        from distributed import wait

        n = 125_000_000 // o.scale
        first, second = c.client.scheduler_info()["workers"]
        times = []
        for _ in range(5):
            x = c.client.submit(np.arange, n, workers=[first], pure=False)
            wait([x])
            start = time.perf_counter()
            assert c.client.submit(np.sum, x, workers=[second], pure=False).result() == n * (n - 1) // 2
            times.append(time.perf_counter() - start)
            x.release()
        return len(times), times

    def exchange():
        import dask.array as da

        strips = 16
        n = int(11520 / o.scale**0.5) // strips * strips
        x = da.arange(n * n, chunks=n * n // strips).reshape(n, n).rechunk((n, n // strips)).sum()
        assert c.client.compute(x).result() == n**2 * (n**2 - 1) // 2
        return n * n * 8 // 2 // (1 << 20), []

    def ingest():
        import dask.array as da

        n = max(10, 10_000 // o.scale)
        x = (da.random.default_rng(1).random(8 * n, chunks=8) * 2).sum()
        asked = c.client.compute(x)
        while c.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)) < n:
            time.sleep(0.001)
        asked.release()
        while c.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
            time.sleep(0.001)
        return n, []

    return {"move": move, "exchange": exchange, "ingest": ingest, "tasks": tasks, "latency": latency, "submits": submits, "sums": sums, "transfer": transfer}[query], None


if __name__ == "__main__":  # Celery's worker
    worker, _ = celery_app(sys.argv[1])
    worker.worker_main(["worker", "--pool", "prefork", "--concurrency", sys.argv[2], "--without-gossip", "--without-mingle", "--without-heartbeat"])
