#!/usr/bin/env bash
# The latency eval: how much longer does a recall take while the memory learns and re-embeds?
#
#   tests/eval/latency.sh DATA_DIR [--rate N] [--turns N] [--turn-seconds S] [--threads N]
#       [--episodes N] [--part validation|test] [--seed N | --seeds 1,2,…] [--json FILE]
#       [--build DIR] [--keep DIR]
# Exits 77 (skipped) where DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/latency.py" "$@"
