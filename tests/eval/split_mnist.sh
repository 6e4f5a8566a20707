#!/usr/bin/env bash
# Split MNIST over a real daemon: five pairs of classes in a single pass, ten to tell apart at the end.
#
#   tests/eval/split_mnist.sh DATA_DIR [--part validation|test] [--seed N | --seeds 1,2,…]
#       [--episodes N] [--queries N] [--block N] [--steps-per-block N] [--batch N]
#       [--consolidate-steps N] [--no-replay] [--deterministic] [--json FILE] [--build DIR] [--keep DIR]
# Exits 77 (skipped) where DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/split_mnist.py" "$@"
