"""The data files: what they are called, and the Arrow and Parquet files beside them."""

import os


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


def column_type(table, name):
    """The plain Arrow type a generated column has."""
    import pyarrow as pa

    if table.startswith("tpch"):
        return tpch_type(name)

    if name in ("v2", "v3", "v1") and table.startswith("j1"):
        return pa.float64()
    if table.startswith("ticks"):
        return pa.float64() if name in ("v1", "v2") else pa.int32()
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
    missing = [p for p in (path + ".arrow", path + ".parquet") if not os.path.exists(p) and not (trade and p.endswith(".arrow"))]
    if not missing:
        return
    delimiter = "|" if trade else ","
    with open(path) as f:
        header = f.readline().strip().split(delimiter)
    types = {c: column_type(name, c) for c in header}
    t = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False if trade else '"'),
                     convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False))
    t = t.combine_chunks()
    if path + ".arrow" in missing:
        with pa.OSFile(path + ".arrow.tmp", "wb") as f, ipc.new_file(f, t.schema) as w:
            w.write_table(t, max_chunksize=1 << 20)
        os.rename(path + ".arrow.tmp", path + ".arrow")
    if path + ".parquet" in missing and not name.startswith(("j1", "ticks")):
        parquet.write_table(t, path + ".parquet.tmp", compression="snappy", row_group_size=1 << 20)
        os.rename(path + ".parquet.tmp", path + ".parquet")


def load(data, table, rows):
    """A table in memory, in record batches of 2^20 rows."""
    import pyarrow as pa
    import pyarrow.ipc as ipc

    prepare(data, file_name(table, rows))
    with pa.OSFile(os.path.join(data, file_name(table, rows)) + ".arrow", "rb") as f:
        return ipc.open_file(f).read_all()
