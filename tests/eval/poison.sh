#!/usr/bin/env bash
# The poison eval: what do episodes that tell nothing do to what was learned before them?
#
#   tests/eval/poison.sh DATA_DIR [--poison noise|mismatched] [--episodes N] [--poison-events N]
#       [--consolidate-steps N] [--part validation|test] [--seed N | --seeds 1,2,…] [--json FILE]
#       [--build DIR] [--keep DIR]
# Exits 77 (skipped) where DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/poison.py" "$@"
