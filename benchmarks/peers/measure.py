"""What a process uses: processor time and memory of this one and of those it has started."""

import os
import resource
import time


def family():
    """This process and all that it has started and that live."""
    parents = {}
    if not os.path.isdir("/proc/self"):
        return [os.getpid()]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                parents.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(pid))
        except OSError:
            pass
    out = [os.getpid()]
    for pid in out:
        out += parents.get(pid, ())
    return out


def status(name):
    """A figure in bytes such as VmHWM, added up over all processes; 0 where the system does not tell."""
    total = 0
    for pid in family():
        try:
            with open(f"/proc/{pid}/status") as f:
                total += sum(int(line.split()[1]) << 10 for line in f if line.startswith(name + ":"))
        except OSError:
            pass
    return total


def reset_peak():
    """Makes VmHWM begin at the present size."""
    for pid in family():
        try:
            with open(f"/proc/{pid}/clear_refs", "w") as f:
                f.write("5")
        except OSError:
            pass


def cpu():
    """CPU seconds, user and system: of other processes by the clock that each has, for what /proc says is in hundredths
    of a second, in which short work is lost."""
    r = resource.getrusage(resource.RUSAGE_SELF)
    total = r.ru_utime + r.ru_stime
    for pid in family()[1:]:
        try:
            total += time.clock_gettime((~pid << 3) | 2)
        except OSError:
            pass
    return total


def start_dask(o, workers=None):
    """Dask's scheduler of threads, or a local cluster of one process for each thread."""
    import dask

    if o.engine != "dask-distributed":
        dask.config.set(scheduler="threads", num_workers=o.threads)
        return None
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=o.threads if workers is None else workers, threads_per_worker=1, dashboard_address=None,
                           memory_limit=o.memory // o.threads if o.memory else "auto")
    return Client(cluster)
