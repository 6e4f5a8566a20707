#!/usr/bin/env bash
# Installs what is missing, builds the release preset and runs every test but the slow ones: from a
# bare Debian 12 or 13 with git and a network to Debian's packages to ctest's summary.
#
#   deploy/test.sh            everything
#   JOBS=4 deploy/test.sh     with four compilers at a time
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

stage_start_s=$SECONDS
stage() { # stage NAME COMMAND...: runs it and says how long it took
  local name=$1 begin_s=$SECONDS
  shift
  echo "==> [$((SECONDS - stage_start_s)) s] $name"
  "$@" || { echo "==> $name failed after $((SECONDS - begin_s)) s" >&2; exit 1; }
  echo "==> $name: $((SECONDS - begin_s)) s"
}

# A file that includes LibTorch takes over a gigabyte to compile.
jobs_by_memory=$(awk '/^MemAvailable/ { print int($2 / 1500000) + 1 }' /proc/meminfo)
cores=$(nproc)
jobs=${JOBS:-$((cores < jobs_by_memory ? cores : jobs_by_memory))}

stage "dependencies" deploy/install-deps.sh --build
stage "configure" cmake --preset release
stage "build" cmake --build --preset release --parallel "$jobs"
echo "==> [$((SECONDS - stage_start_s)) s] tests"
exec ctest --preset release
