#!/usr/bin/env bash
# Measures everything at full scale and writes benchmarks/RESULTS.md, the table of README.md that is its summary, and a
# page with charts: make results. On two quiet processors it takes about an hour, files apart.
#
#   OUT=bin/results          folder of the results (report.html, and of each command its results and its log)
#   DATA=…, PYTHON=…         the data files and the Python of the peers, as weft bench run wants them
#   ONLY="tpch array"        only the commands of these names; the report is of all that have results
#
# A command that has its results in OUT is not run again: remove them, or OUT, to measure anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${OUT:-bin/results}
mkdir -p "$out"
# Results say which commit gave them: as Git has it, because Go does not look into a worktree.
commit=$(git describe --always --exclude '*' --abbrev=12 --dirty=+dirty 2>/dev/null || true)
go build -ldflags "-X github.com/weft-data/weft/benchmarks/suite.commit=$commit" -o "$out/weft" ./cmd/weft
failed=

run() { # run NAME ARGUMENTS of weft bench run
	local name=$1 began=$SECONDS
	shift
	rm -f "$out/$name.part"
	[ -z "${ONLY:-}" ] || [[ " $ONLY " == *" $name "* ]] || return 0
	if [ -e "$out/$name.json" ]; then
		echo "$name: done before"
		return 0
	fi
	if ! "$out/weft" bench run "$@" ${DATA:+--data "$DATA"} ${PYTHON:+--python "$PYTHON"} --json "$out/$name.part" >"$out/$name.txt" 2>"$out/$name.log"; then
		echo "$name failed: $(tail -n 1 "$out/$name.log")"
		failed="$failed $name"
	fi
	grep '^skipped:\|^the peers are skipped:' "$out/$name.log" || true
	[ ! -s "$out/$name.part" ] || mv "$out/$name.part" "$out/$name.json"
	echo "$name: $((SECONDS - began)) s, load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null)"
}

run groupby h2o-groupby --scale full --peers duckdb,polars
run join h2o-join --scale full --peers duckdb,polars
run files csv parquet scan write --scale full --peers duckdb,polars
run sort sort --scale full --peers duckdb,polars
run window window asof --scale full --peers duckdb,polars
run tpch tpch --scale full --peers duckdb,polars-streaming
run array array --scale full --peers numpy,numba,dask --time-out 2m
run linalg linalg --rows 2500000 --peers numpy,scipy --enough 5s
run squares linalg/matmul linalg/matmul32 linalg/fft --rows 16777216 --peers numpy,scipy,dask --enough 10s
run compressed linalg/compressed --scale full --peers dask --enough 10s --time-out 3m
run cluster cluster --scale full --peers dask,celery --reps 5 --enough 10s --time-out 2m
run sched sched machine --scale full --peers none
run brc 1brc --scale full --peers polars --reps 2
run outofcore outofcore --scale full --peers duckdb --reps 2 --enough 2m --time-out 4m
run dask h2o-groupby h2o-join csv parquet sort tpch --scale small --peers pandas,dask --reps 1
run curves csv/q3 --scale small --peers none --reps 2 --curve rows=1e5,1e6,1e7,1e8
run workers h2o-groupby/q5 tpch/q09 array/norm cluster/q3 cluster/join --scale small --peers none --reps 2 \
	--curve rows=1e5,1e6,1e7 --curve threads=1,2 --curve workers=1,2,4 --curve block=1e4,1e5,1e6,1e7

cat "$out"/*.json >"$out/all"
"$out/weft" bench report --json "$out/all" --md benchmarks/RESULTS.md --readme README.md --html "$out/report.html" >"$out/report.txt"
[ -z "$failed" ] || { echo "failed:$failed; the report is of the others"; exit 1; }
