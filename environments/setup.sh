#!/bin/sh
# Create .venv from the locked environment, unless it is up to date.
#
# usage: setup.sh [STORAGE ...], as s3, gs, azure or ssh
# Locks of storage that remotes or imported tables name, of the backend of a cluster and
# of the tracking server are installed where the project's files ask for them.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

storage=$(cat .dvc/config .dvc/config.local data/raw/*.dvc 2>/dev/null |
  grep -oE '(s3|gs|azure|ssh)://' | cut -d : -f 1 || true)
extras=$(sed -nE 's/^  backend: *(dask|ray)( .*)?$/\1/p; s/^tracking: *(mlflow)( .*)?$/\1/p' params.yaml)
names=$(printf '%s\n' dev $storage $extras "$@" | sort -u)
locks=$(for name in $names; do echo "environments/$name.txt"; done)
for lock in $locks; do
  test -f "$lock" || {
    echo "error: $lock does not exist, but params.yaml, .dvc/config or STORAGE asks for it. Fix: copy it and its .in file from the template" >&2
    exit 1
  }
done
toolkit=$(test ! -f toolkit/pyproject.toml || echo toolkit)

# By content: dates say nothing in a new clone.
current=$({ cat $locks pyproject.toml setup.py environments/setup.sh; cat toolkit/pyproject.toml 2>/dev/null || true
  echo "$names $python"; } | cksum)
if [ "$(cat .venv/.ready 2>/dev/null || true)" = "$current" ]; then
  exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "error: $python is older than Python 3.11. Name a newer one: make setup PYTHON=python3.12" >&2
  exit 1
}
echo "Creating .venv from" $locks
required=$(for lock in $locks; do echo "-r $lock"; done)
editable=$(for package in $toolkit .; do echo "-e ./$package"; done)
# uv where it is installed (seconds), else pip (a minute). Both check every hash.
if command -v uv >/dev/null; then
  uv venv --quiet --allow-existing --python "$(command -v "$python")" .venv
  uv pip install --python .venv/bin/python --compile-bytecode --require-hashes $required
  uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation $editable
else
  "$python" -m venv .venv
  .venv/bin/python -m pip install --disable-pip-version-check --require-hashes $required
  .venv/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation $editable
fi
echo "$current" > .venv/.ready
