#!/usr/bin/env bash
# The digits eval's baselines: nearest raw features and streaming CCA on the same stream and queries.
#
#   tests/eval/baselines.sh DATA_DIR [--order shuffled|class] [--episodes N] [--named SHARE]
#       [--part validation|test] [--seed N | --seeds 1,2,…] [--json FILE] [--keep DIR]
#       [--joint] [--no-replay] [--build DIR] [--consolidate-steps N]
# --joint and --no-replay run the daemon too. Needs Debian's python3-numpy. Exits 77 (skipped) where
# DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/baselines.py" "$@"
