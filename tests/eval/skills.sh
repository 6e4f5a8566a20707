#!/usr/bin/env bash
# Skills over a real daemon: Split MNIST and FSDD taught once, few labels, what is unknown, the order of
# teaching, and speed.
#
#   tests/eval/skills.sh DATA_DIR [--part validation|test] [--seed N | --seeds 1,2,…] [--episodes N]
#       [--images N] [--queries N] [--only split_mnist,fsdd,few_shot,order,unknown,speed]
#       [--json FILE] [--build DIR] [--keep DIR]
# Exits 77 (skipped) where DATA_DIR is absent. tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/skills.py" "$@"
