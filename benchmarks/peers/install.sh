#!/bin/sh
# Installs the systems weft is compared with into a virtual environment of Python.
#
#   install.sh [FOLDER]     FOLDER, else $WEFT_BENCH_VENV, else benchmarks/.venv (git ignores it)
#
# PYTHON names the interpreter, python3 without it (3.10 or newer).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-${WEFT_BENCH_VENV:-$here/../.venv}}
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
"$venv/bin/python" "$here/runner.py" --versions
