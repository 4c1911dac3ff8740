#!/bin/sh
# Choose the newest versions that pyproject.toml allows, and lock them by hash.
#
# usage: lock.sh [--keep] [EXTRA ...], as s3 or dask: locks these as well
# --keep: leave versions as they are where that is possible, as to add a package
# All are resolved together first, so that a package has one version in every lock. The
# locks of extras list only what runtime.txt lacks; model.txt has what a model needs to
# predict, outside of a repository, and those of service, worker and serverless list what
# it lacks, so that their images hold nothing else. A lock with an .in beside it is whole:
# it is for an environment of its own.
set -eu
cd "$(dirname "$0")"
all=../.venv/all.txt
upgrade=--upgrade
if [ "${1:-}" = --keep ]; then
  shift
  upgrade=
  cat ./*.txt | grep -E '^[A-Za-z0-9._-]+==' | tr -d '\\' | sort -u > $all
fi

project=../pyproject.toml
compile() {
  output=$1
  shift
  uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-header $project "$@" -o "$output"
  # Neither the project's name, which may change, nor the list of what runtime.txt has.
  sed -e 's/[A-Za-z0-9._-]* (\.\.\/pyproject\.toml/(pyproject.toml/' \
    -e 's/[A-Za-z0-9._-]* (\.\.\/toolkit\/pyproject\.toml/(toolkit\/pyproject.toml/' \
    -e 's/-r \.\.\/\.venv\/[a-z]*\.in/pyproject.toml/' \
    -e '/^# The following packages were excluded/,$d' "$output" > "$output.new"
  mv "$output.new" "$output"
}

compile $all $upgrade --all-extras --group ../pyproject.toml:dev
for name in runtime dev; do
  cp $all $name.txt
done
compile runtime.txt
compile dev.txt --group ../pyproject.toml:dev
cp $all model.txt
project=../toolkit/pyproject.toml
compile model.txt
project=../pyproject.toml
for name in $(ls ./*.txt | sed 's|./\(.*\).txt|\1|') "$@"; do
  if [ -f "$name.in" ]; then
    cp $all "$name.txt"
    project=$name.in
    compile "$name.txt"
    project=../pyproject.toml
    continue
  fi
  base=runtime extra="--extra $name"
  case $name in
  runtime | dev | model) continue ;;
  service | worker | serverless)
    # Without the dependencies of the pipeline.
    base=model extra=../.venv/$name.in
    python3 -c 'import sys, tomllib
with open("../pyproject.toml", "rb") as file:
    extras = tomllib.load(file)["project"]["optional-dependencies"]
print(*extras[sys.argv[1]], sep="\n")' "$name" > "$extra"
    project=../toolkit/pyproject.toml
    ;;
  esac
  known=$(sed -n 's/^\([a-z0-9.-]*\)==.*/--no-emit-package \1/p' "$base.txt")
  cp $all "$name.txt"
  compile "$name.txt" $extra $known
  project=../pyproject.toml
done
