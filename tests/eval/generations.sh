#!/usr/bin/env bash
# The generations eval: does every generation find again what is stored, and is an equal published?
#
#   tests/eval/generations.sh DATA_DIR [--episodes N] [--publishes N] [--sample N]
#       [--plateau-steps N] [--trials N] [--trial-steps N] [--part validation|test]
#       [--seed N | --seeds 1,2,…] [--json FILE] [--build DIR] [--keep DIR]
# Exits 77 (skipped) where DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/generations.py" "$@"
