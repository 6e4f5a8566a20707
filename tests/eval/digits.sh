#!/usr/bin/env bash
# The digits eval: streams digits that are seen, heard and read into a real daemon and asks back.
#
#   tests/eval/digits.sh DATA_DIR [--order shuffled|class] [--episodes N] [--named SHARE]
#       [--part validation|test] [--seed N | --seeds 1,2,…] [--json FILE] [--build DIR]
#       [--consolidate-steps N] [--consolidate-longer N] [--no-replay] [--deterministic]
#       [--kill] [--keep DIR]
# Exits 77 (skipped) where DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/digits.py" run "$@"
