#!/usr/bin/env bash
# Fault tests: a real daemon is killed, frozen, flooded and damaged, and held against a journal of
# everything that it acknowledged.
#
#   tests/fault/run.sh [--only NAME[,NAME…]] [--cycles N] [--seed N] [--json FILE] [--build DIR]
#   tests/fault/run.sh --list
# Exits 1 when a check failed, 77 (skipped) where Debian's python3-grpcio is missing.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/run.py" "$@"
