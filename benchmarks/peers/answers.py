"""What is compared of a result: see answer.go, which makes the same of weft's."""

import math
import os

MODULUS = 97
FIRST = 3


class WrittenFile:
    """A Parquet or CSV file, of id6, v1, v3 in the order of v3, id6 where it is sorted."""

    def __init__(self, path, is_sorted):
        self.path, self.is_sorted = path, is_sorted


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
            col = pa.array(v, mask=~valid)
        out["sum"] = v.sum().item()
        if not first and keys is not None:
            out["dot"] = (v * keys).sum().item()
    m = pc.min_max(col).as_py()
    out.update(min=m["min"], max=m["max"])
    return out


def answer(table):
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(table, WrittenFile):
        return written_answer(table)
    table = pa.table({n: plain(table[n]) for n in table.column_names})
    keys = keys_of(table[0])
    cols = [column_answer(n, table[n], keys, i == 0) for i, n in enumerate(table.column_names)]
    order = [(n, "ascending") for n in table.column_names]
    top = table.take(pc.select_k_unstable(table, k=min(FIRST, len(table)), sort_keys=order))
    known = lambda v: None if isinstance(v, float) and math.isnan(v) else v  # as weft's: NaN is no value here
    return {"rows": len(table), "cols": cols, "first": [[known(v) for v in r.values()] for r in top.to_pylist()]}


def written_answer(f):
    import numpy as np
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet

    try:
        t = csv.read_csv(f.path) if f.path.endswith(".csv") else parquet.read_table(f.path)
        if f.is_sorted:
            v3, id6 = t["v3"].to_numpy(), t["id6"].to_numpy()
            same = v3[1:] == v3[:-1]
            if not np.all(v3[1:] >= v3[:-1]) or not np.all(id6[1:][same] >= id6[:-1][same]):
                raise SystemExit("the rows are not sorted by v3, id6")
            del v3, id6, same
        return answer(t)
    finally:
        os.remove(f.path)
