#!/usr/bin/env bash
# Runs daemon and CLI inside the built image, as the image's own user: events in, acknowledged,
# learned, recalled, and all of it there again after a kill -9. Exits 0 when all of it held.
#
#   deploy/smoke-image.sh [IMAGE]      default: mixmatch, as buildah knows it
set -euo pipefail
image=${1:-mixmatch}
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot} STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}
if ! command -v buildah >/dev/null; then
  echo "smoke-image: buildah is missing; apt-get install buildah" >&2
  exit 1
fi

container=$(buildah from --pull-never "$image")
trap 'buildah rm "$container" >/dev/null' EXIT

buildah run "$container" -- bash -s <<'INSIDE'
set -euo pipefail
check() { # check WHAT COMMAND...
  local what=$1
  shift
  "$@" || { echo "smoke: $what: FAILED: $*" >&2; exit 1; }
  echo "smoke: $what: ok"
}
daemon=""
trap '[ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true' EXIT
check "not root" test "$(id -u)" -ne 0
check "the data volume is writable" touch /var/lib/mixmatch/.smoke
check "no compiler is shipped" test -z "$(command -v g++ || true)"
mixmatchd --version
check "the shipped config is valid" mixmatchd --config /etc/mixmatch/mixmatchd.yaml --check-config
check "OpenBLAS is the BLAS" bash -c 'readlink -f /usr/lib/*/libblas.so.3 | grep -q openblas-openmp'

work=$(mktemp -d)
start() {
  rm -f "$work/port"
  mixmatchd --config /etc/mixmatch/mixmatchd.yaml --data-dir "$work/memory" --listen 127.0.0.1:0 \
    --port-file "$work/port" </dev/null >>"$work/log" 2>&1 &
  daemon=$!
  for _ in $(seq 600); do
    if [ -e "$work/port" ]; then server=$(cat "$work/port"); return; fi
    kill -0 "$daemon" 2>/dev/null || { tail -20 "$work/log" >&2; exit 1; }
    sleep 0.1
  done
  echo "smoke: the daemon does not serve" >&2
  tail -20 "$work/log" >&2
  exit 1
}
ctl() { mixmatchctl --server "$server" "$@" </dev/null; }
number() { sed 's/[",]//g' | awk -v key="$1:" '$1 == key { print $2; exit }'; }

# Three things, each with its word, a sound and a vector; every one of them forty times.
word=(bell drum horn)
for i in 0 1 2; do
  # Half a second of a tone: 4,000 samples of 16 bits at 8 kHz.
  samples=$(awk -v hz=$((300 * (i + 1))) 'BEGIN {
    for (t = 0; t < 4000; t++) {
      v = int(9000 * sin(6.2831853 * hz * t / 8000))
      if (v < 0) v += 65536
      printf "\\x%02x\\x%02x", v % 256, int(v / 256)
    } }')
  {
    printf 'RIFF\x64\x1f\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00'
    printf '\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x40\x1f\x00\x00'
    printf '%b' "$samples"
  } >"$work/${word[i]}.wav"
done
for n in $(seq 120); do
  i=$((n % 3))
  pose="0.0,0.0,0.0"
  case $i in 0) pose="1.0,0.$n,0.0" ;; 1) pose="0.0,1.0,0.$n" ;; 2) pose="0.$n,0.0,1.0" ;; esac
  thing=${word[i]}
  percepts='{"modality":"text","text":"'$thing'"},{"modality":"audio","file":"'$thing'.wav"}'
  percepts+=',{"modality":"pose","vector":['$pose']}'
  printf '{"event_id":"%d","time":%d,"scene":"stage","source":"smoke",' "$n" $((1700000000 + 5 * n))
  printf '"percepts":[%s],"metadata":{"thing":"%s"}}\n' "$percepts" "$thing"
done >"$work/events.jsonl"

start
ctl status
check "ingest" ctl ingest --manifest "$work/events.jsonl" --wait learned
check "120 events are stored" test "$(ctl --json status | number event_count)" -eq 120
check "consolidate" ctl consolidate --steps 10
check "publish" ctl generations publish
ctl --json recall --text drum --want audio -k 3 >"$work/recall.json"
check "recall answers" grep -q '"similarity"' "$work/recall.json"
check "the answers carry their events" grep -q '"thing"' "$work/recall.json"
kill -9 "$daemon"
wait "$daemon" 2>/dev/null || true
start
check "120 events are there after kill -9" test "$(ctl --json status | number event_count)" -eq 120
ctl --json recall --audio "$work/horn.wav" --want text -k 3 >"$work/recall.json"
check "recall answers after kill -9" grep -q '"similarity"' "$work/recall.json"
kill -TERM "$daemon"
check "SIGTERM ends it with 0" wait "$daemon"
daemon=""
rm -rf "$work" /var/lib/mixmatch/.smoke
INSIDE
echo "smoke-image: $image passed"
