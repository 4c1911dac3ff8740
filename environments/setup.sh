#!/bin/sh
# Create .venv from the locked environment, unless it is up to date.
#
# usage: setup.sh [LOCK ...], as dev (linters, tests, notebooks), s3, gs, azure or ssh
# Locks of storage that remotes or imported tables name, of the backend of a cluster, of
# the tracking server and of the modules in deployment/ that have the name of a lock are
# installed where the project's files ask for them. What was installed stays so.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
ready=.venv/.ready
log=.venv/setup.log

# What was installed last time: a hash, the names, and the folder.
was_hash= was_names= was=
if [ -f $ready ]; then
  { read -r was_hash; read -r was_names; IFS= read -r was; } < $ready || true
fi

# Shell built-ins where they do: a program takes some milliseconds, and this runs first
# in every `make repro`.
storage=$(for found in $(grep -ohE '(s3|gs|azure|ssh)://' .dvc/config .dvc/config.local data/raw/*.dvc 2>/dev/null || true); do
  echo "${found%://}"
done)
extras=$(sed -nE 's/^  backend: *(dask|ray)( .*)?$/\1/p; s/^tracking: *(mlflow|wandb)( .*)?$/\1/p; s/^ +path: *(xgboost)\..*$/\1/p' params.yaml)
uses=$(for module in code/*/deployment/*.py; do
  module=${module##*/}
  echo "${module%.py}"
done)
found=
for name in $uses $was_names; do
  test ! -f "environments/$name.txt" || found="$found $name"
done
wanted=$(printf '%s\n' runtime $storage $extras $found "$@" | sort -u)
case " $(echo $wanted) " in *" dev "*) has_dev=yes ;; *) has_dev= ;; esac
names= locks=
for name in $wanted; do
  if [ "$name$has_dev" = runtimeyes ]; then
    continue # dev.txt has all of it
  fi
  test -f "environments/$name.txt" || {
    problem="environments/$name.txt does not exist, but params.yaml, .dvc/config or STORAGE asks for it"
    fix="sh environments/lock.sh --keep $name"
    case " $* " in *" dev "*)
      # It brings uv, with which the lock can be made.
      echo "warning: $problem. Run \`$fix\`, then \`make setup\`" >&2
      continue
      ;;
    esac
    echo "error: $problem. Fix: run \`make dev\`, then \`$fix\`" >&2
    exit 1
  }
  names="$names $name"
  locks="$locks environments/$name.txt"
done
toolkit=
test ! -f toolkit/pyproject.toml || toolkit=toolkit

# By content: dates say nothing in a new clone.
current=$({ cat $locks pyproject.toml setup.py environments/setup.sh ${toolkit:+toolkit/pyproject.toml}; echo "$python"; } | cksum)
# Commands in .venv begin with its path, so that none runs after the folder was moved.
place() { (cd .venv && pwd -P) 2>/dev/null || true; }
if [ "$was_hash" = "$current" ] && [ "$was" = "$(place)" ] && [ -x .venv/bin/python ]; then
  exit 0
fi

version() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}
supported="3.11 3.12 3.13 3.14"
case $PWD in *:*)
  echo "error: $PWD: the path has a colon, which in PATH separates folders. Fix: move or rename the folder, then run this again" >&2
  exit 1
  ;;
esac
case " $supported " in *" $(version "$python") "*) ;; *)
  found=$(for number in $supported; do command -v "python$number" || true; done | head -n 1)
  number=$(version "$python")
  echo "error: $python ${number:+is Python }${number:-does not run}, but the locked packages are for Python $(echo $supported | sed 's/ /, /g'). Fix: run \`make setup PYTHON=${found:-path of one of them}\`. For another Python, see environments/README.md" >&2
  exit 1
  ;;
esac

# Run an installer. Its messages go to the log; a terminal shows how far it is.
install() {
  "$@" >> $log 2>&1 &
  installer=$!
  trap 'kill $installer 2>/dev/null; exit 130' INT TERM
  while kill -0 $installer 2>/dev/null; do
    if [ -t 2 ]; then
      seconds=$(($(date +%s) - start))
      found=$(grep -c '^Collecting' $log || true) # it fails where it finds none
      step="$count packages" # uv does not say how far it is
      if [ "$found" -gt 0 ]; then step="$found of $count packages found"; fi
      if grep -q '^Installing collected' $log; then step="installing $count packages"; fi
      printf '\r\033[K  %s, %s s ' "$step" $seconds >&2
    fi
    sleep 0.2
  done
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
  wait $installer || {
    tail -n 20 $log >&2
    echo "error: the packages could not be installed. All messages: $log. Fix: see \"Installation\" in docs/troubleshooting.md" >&2
    exit 1
  }
}

# Two at once, as with `make -j2 repro test`, would write the same files: one waits. The
# link names the process, as a link can be made and read in one step.
busy=.dvc/tmp/setup
mkdir -p .dvc/tmp
waited=
until ln -s $$ $busy 2>/dev/null; do
  owner=$(readlink $busy || true)
  if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
    # It was killed. One removes its link, or another's new one would be removed.
    if ln -s $$ $busy.stale 2>/dev/null; then
      if [ "$(readlink $busy || true)" = "$owner" ]; then rm -f $busy; fi
      rm -f $busy.stale
    else
      sleep 0.1
      find $busy.stale -mmin +1 -exec rm -f {} + 2>/dev/null || true
    fi
    continue
  fi
  if [ -z "$waited" ]; then
    echo "Waiting for process $owner, which installs packages here (if it does not: rm $busy)"
  fi
  waited=yes
  sleep 0.5
done
trap 'rm -f $busy' EXIT
if [ -n "$waited" ]; then
  rm -f $busy
  exec sh environments/setup.sh "$@" # perhaps there is nothing left to install
fi

start=$(date +%s)
count=$(cat $locks | grep -c '^[A-Za-z0-9._-]*==')
required=$(for lock in $locks; do echo "-r $lock"; done)
editable=$(for package in $toolkit .; do echo "-e ./$package"; done)
# An environment of another Python, of one that is gone, or of another folder is made anew.
if [ "$(version .venv/bin/python)" != "$(version "$python")" ] || { [ -n "$was" ] && [ "$was" != "$(place)" ]; }; then
  rm -rf .venv
fi
mkdir -p .venv
rm -f $ready
: > $log
echo "Installing $count packages into .venv, from" $locks
# uv where it is installed (seconds), else pip (a minute). Both check every hash. Python
# compiles what it imports, a third of the modules: to compile all of them, tests of the
# packages as well, takes half a minute and 150 MB.
if command -v uv >/dev/null; then
  install uv venv --allow-existing --python "$(command -v "$python")" .venv
  install uv pip install --python .venv/bin/python --require-hashes $required
  install uv pip install --python .venv/bin/python --no-deps --no-build-isolation $editable
else
  install "$python" -m venv .venv
  pip=".venv/bin/python -m pip install --disable-pip-version-check --progress-bar off"
  install $pip --no-compile --require-hashes $required
  install $pip --no-compile --no-deps --no-build-isolation $editable
fi
printf '%s\n' "$current" "$(echo $names)" "$(place)" > $ready
echo "Installed in $(($(date +%s) - start)) s; messages of the installer: $log"
