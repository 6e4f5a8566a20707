#!/usr/bin/env bash
# The change eval: a modality that comes late, and another model preset over the same memory.
#
#   tests/eval/change.sh DATA_DIR [--episodes N] [--late-episodes N] [--preset small|base]
#       [--steps N] [--part validation|test] [--seed N | --seeds 1,2,…] [--json FILE] [--build DIR]
#       [--keep DIR]
# Exits 77 (skipped) where DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/change.py" "$@"
