#!/usr/bin/env bash
# The knowledge graph over a real daemon: planted sequences among things that mean nothing. Makes its own
# data.
#
#   tests/eval/graph.sh [--chains N] [--generations N] [--seed N] [--digits DATA_DIR [--episodes N]]
#       [--json FILE] [--build DIR] [--keep DIR]
# tests/eval/README.md says what each figure means.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/graph.py" "$@"
