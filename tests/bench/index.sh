#!/usr/bin/env bash
# The index beside hnswlib and plain FAISS over the same clustered vectors, in one run: build rate,
# recall@10, latency, memory, and search under filters.
#
#   tests/bench/index.sh [--embeddings N] [--json FILE] [--dimension E] [--queries N] [--dir DIR]
#       [--no-hnswlib] [--no-faiss] [--vectors FILE | --memory DATA_DIR] [--build DIR]
#
# Writes {"embeddings","build_per_s","build_ratio_hnswlib","recall_at_10","p50_ms","p99_ms",
# "p50_ratio_hnswlib","bytes_per_embedding","filters":[{"selectivity","recall_at_10","p50_ms"}],…}.
# A million take some four minutes, most of them hnswlib's.
set -euo pipefail
build="$(cd "$(dirname "$0")/../.." && pwd)/build/release"
arguments=()
while [ $# -gt 0 ]; do
  if [ "$1" = --build ]; then
    [ $# -gt 1 ] || { echo "index.sh: --build: no folder; give the build's" >&2; exit 2; }
    build="$2"
    shift 2
  else
    arguments+=("$1")
    shift
  fi
done
program="$build/bin/mixmatch_bench_index"
if [ ! -x "$program" ]; then
  echo "index.sh: no $program; build first: cmake --preset release && cmake --build --preset release" >&2
  exit 2
fi
exec "$program" "${arguments[@]}"
