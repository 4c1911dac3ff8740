#!/bin/sh
# Choose the newest versions and lock them by hash.
#
# All files are resolved together first, so that a package has one version in every lock.
# The optional locks then list only what runtime.txt lacks.
set -eu
cd "$(dirname "$0")"
all=../.venv/all.txt

compile() {
  uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-header "$@"
}

compile --upgrade ./*.in -o $all
for name in runtime dev; do
  cp $all $name.txt
  compile $name.in -o $name.txt
done
known=$(sed -n 's/^\([a-z0-9.-]*\)==.*/--no-emit-package \1/p' runtime.txt)
for name in s3 gs azure ssh dask ray mlflow; do
  test -f $name.in || continue
  cp $all $name.txt
  compile $name.in $known -o $name.txt
done
