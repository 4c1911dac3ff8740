#!/bin/sh
# Bring data and results up to date without a person: pull, reproduce, push.
#
# Exits with
#   0  nothing changed: the results are those that are committed
#   3  results changed and were pushed: read `dvc metrics diff`, commit dvc.lock and reports/
#   4  the remote did not give the data
#   5  a stage failed; nothing was pushed
#   6  the remote did not take the results; they are in the local cache
#   7  dvc.lock, reports/ or data/ have changes that nobody committed; nothing was done
# `nightly.sh pull` ends before the stages run, and `nightly.sh push` begins with them.
# README.md beside this file shows how to run it from cron, systemd or an orchestrator.
set -eu

cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
export PATH

fail() {
  code=$1
  shift
  echo "nightly: $*" >&2
  exit "$code"
}

unchanged() {
  git diff --quiet HEAD -- dvc.lock reports data
}

part=${1:-all}
case $part in all | pull | push) ;; *) fail 2 "unknown argument $part: give pull, push or none" ;; esac

remote=$(dvc remote list)

if [ "$part" != push ]; then
  unchanged || fail 7 "commit or revert your changes to dvc.lock, reports/ or data/ first"

  if [ -n "$remote" ]; then
    echo "nightly: pull"
    # A stage that never ran has nothing to pull; a remote out of reach is an error.
    dvc pull --allow-missing || fail 4 "dvc pull failed: look at the remote and its credentials"
  fi
fi
[ "$part" != pull ] || exit 0

echo "nightly: repro"
rml repro || fail 5 "a stage failed: its message stands above"

if [ -n "$remote" ]; then
  echo "nightly: push"
  dvc push || fail 6 "dvc push failed: look at the remote and its credentials"
fi

unchanged || fail 3 "results changed: see dvc metrics diff, then commit dvc.lock and reports/"
echo "nightly: nothing changed"
