#!/usr/bin/env bash
# The whole daemon under load, over many stored events: durable ingest, recall by vectors, recall
# beside ingest, a publish of everything with acknowledgements beside it, and a restart.
#
#   tests/bench/daemon.sh [--events N] [--seconds S] [--ingest-rate N] [--settle S]
#       [--no-publish] [--forget] [--seed N] [--json FILE] [--build DIR] [--keep DIR]
# A million events took 14 minutes and 5 GiB of disk.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$(dirname "$0")/daemon.py" "$@"
