#!/usr/bin/env bash
# The order test: the digits stream shuffled and class by class, over a real daemon each, side by side.
#
#   tests/eval/order.sh DATA_DIR [--episodes N] [--named SHARE] [--part validation|test]
#       [--seed N | --seeds 1,2,…] [--json FILE] [--build DIR] [--consolidate-steps N]
#       [--no-replay] [--deterministic] [--keep DIR]
# Exits 77 (skipped) where DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/order.py" "$@"
