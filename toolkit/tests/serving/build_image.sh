#!/bin/sh
# Build the image of the model without Docker, and run its service and its batch.
#
# usage: build_image.sh WHEELS ROWS.csv
#   WHEELS     folder that `rml package` made
#   ROWS.csv   rows to predict
#
# Needs root, buildah and mmdebstrap, as of Debian 12. The base image has the name of
# Docker's, but is made of Debian's packages, as no registry may be reachable.
set -eu
wheels=$1
rows=$2
root=$(cd "$(dirname "$0")/../../.." && pwd)
base=docker.io/library/python:3.11-slim
image=localhost/model-under-test
port=${PORT:-18080}
buildah() { command buildah --storage-driver vfs "$@"; }
run() { buildah run --isolation chroot --user 1000 "$container" -- "$@"; }

if ! buildah inspect --type image "$base" > /dev/null 2>&1; then
  archive=$(mktemp --suffix .tar)
  mmdebstrap --quiet --variant=minbase \
    --include=python3,python3-venv,python3-pip,python-is-python3,ca-certificates \
    bookworm "$archive"
  new=$(buildah from scratch)
  buildah add --quiet "$new" "$archive" / > /dev/null
  buildah run --isolation chroot "$new" -- sh -c 'rm -f /usr/lib/python3*/EXTERNALLY-MANAGED'
  buildah commit --quiet --rm "$new" "$base" > /dev/null
  rm "$archive"
fi
# The certificates of this computer: its proxy may have some of its own.
buildah bud --isolation chroot --pull=never --network host --format docker \
  --volume /etc/ssl/certs:/etc/ssl/certs:ro --build-arg "BASE=$base" --target model \
  --file "$root/environments/Dockerfile" --tag "$image" "$wheels"

container=$(buildah from --pull=never "$image")
run sh -c '! touch /opt/model/x 2> /dev/null' # nothing can be changed
command=$(run sh -c 'ls /opt/model/bin' | grep -e '-predict$')
buildah copy --quiet "$container" "$rows" /tmp/rows.csv > /dev/null
run "$command" /tmp/rows.csv --output /tmp/answers.csv
run cat /tmp/answers.csv > "$wheels/answers.csv"
# As Amazon SageMaker starts it.
run serve --port "$port" > "$wheels/service.log" 2>&1 &
service=$!
for _ in $(seq 100); do
  sleep 0.3
  if curl --silent --fail "http://127.0.0.1:$port/v2/health/ready" > "$wheels/ready.txt"; then
    break
  fi
done
curl --silent --show-error --fail "http://127.0.0.1:$port/ping"
curl --silent --show-error --fail "http://127.0.0.1:$port/v2" > "$wheels/server.json"
# The service alone: buildah would kill it at once.
kill -s TERM "$(sed -n 's/.*Started server process \[\([0-9]*\)\].*/\1/p' "$wheels/service.log")"
wait "$service" || true # it ends by the signal
buildah rm "$container" > /dev/null
buildah images "$image"
