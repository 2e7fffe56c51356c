#!/bin/sh
# Lock every list for Python 3.11 to 3.13, with hashes and without addresses. Needs uv (pip install uv).
set -eu
cd "$(dirname "$0")"
all=$(mktemp)
trap 'rm -f "$all"' EXIT
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade "$@"; }
uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --upgrade runtime.in real.in dev.in node.in --output-file "$all"
compile peers.in --output-file peers.txt
compile --no-deps vectors.in --output-file vectors.txt
for name in runtime real dev node; do
  compile --constraint "$all" "$name.in" --output-file "$name.txt"
done
