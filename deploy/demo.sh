#!/usr/bin/env bash
# The demo: a memory that starts from nothing learns ten letters from a stream of sights, sounds and
# words, and then recalls one from another in voices, fonts and distortions that it never met.
# Installs what is missing, builds, makes the stream, runs; exits 0 if each direction recalls well.
#
#   deploy/demo.sh                          everything, about five minutes after the build
#   deploy/demo.sh --keep DIR               work in DIR and keep stream and memory there
#   deploy/demo.sh --build DIR              use the programs of a build folder that is there already
#   deploy/demo.sh --episodes N --steps N   another stream length, another length of consolidation
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

episodes=1500 steps=240 keep="" build="" start_s=$SECONDS
while [ $# -gt 0 ]; do
  case "$1" in
    --keep) keep=${2:?--keep needs a folder}; shift 2 ;;
    --build) build=${2:?--build needs a folder}; shift 2 ;;
    --episodes) episodes=${2:?--episodes needs a number}; shift 2 ;;
    --steps) steps=${2:?--steps needs a number}; shift 2 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "demo: unknown option '$1'; see --help" >&2; exit 2 ;;
  esac
done

say() { printf '\n==> [%d s] %s\n' $((SECONDS - start_s)) "$*"; }
python=/usr/bin/python3

if [ -z "$build" ]; then
  say "Installing what is missing"
  deploy/install-deps.sh --build --demo
  say "Building mixmatchd and mixmatchctl"
  build=build/release
  jobs=$(awk '/^MemAvailable/ { print int($2 / 1500000) + 1 }' /proc/meminfo)
  jobs=$(($(nproc) < jobs ? $(nproc) : jobs))
  cmake --preset release >/dev/null
  cmake --build --preset release --parallel "$jobs" --target mixmatchd mixmatchctl
fi

if [ -n "$keep" ]; then
  mkdir -p "$keep"
  work=$(cd "$keep" && pwd)
else
  work=$(mktemp -d)
fi
daemon=""
finish() {
  if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then
    kill -TERM "$daemon"
    wait "$daemon" || true
  fi
  if [ -z "$keep" ]; then rm -rf "$work"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

say "Making a world: ten letters, seen in 12 fonts, spoken by 27 voices, named half of the time"
$python deploy/demo/make_stream.py "$work" --episodes "$episodes"

say "Starting mixmatchd"
cat >"$work/mixmatchd.yaml" <<YAML
data_dir: $work/memory
listen: "127.0.0.1:0"
seed: 1
episodes: {gap: 1s, max_length: 30s, lateness: 2s, idle_close: 10s}
model: {preset: nano, device: auto}
learning: {consolidate_when_idle: false}
generations: {automatic: false}
YAML
rm -f "$work/port"
"$build/bin/mixmatchd" --config "$work/mixmatchd.yaml" --port-file "$work/port" \
  >"$work/mixmatchd.log" 2>&1 &
daemon=$!
for _ in $(seq 600); do
  [ ! -e "$work/port" ] || break
  kill -0 "$daemon" 2>/dev/null || { tail -20 "$work/mixmatchd.log" >&2; exit 1; }
  sleep 0.1
done
if [ ! -e "$work/port" ]; then
  echo "demo: mixmatchd did not serve within a minute; the end of its log:" >&2
  tail -20 "$work/mixmatchd.log" >&2
  exit 1
fi
server=$(cat "$work/port")
ctl() { "$build/bin/mixmatchctl" --server "$server" "$@"; }
echo "serving at $server; it knows nothing: no weights, no labels"

report="$python deploy/demo/report.py"
for part in 0 1 2 3; do
  say "Streaming quarter $((part + 1)) of 4; it learns while it listens"
  ctl ingest --manifest "$work/stream-$part.jsonl" --max-unlearned 160
  ctl generations publish >"$work/publish.log"
  ctl --json status >"$work/status.json"
  ctl --json eval --queries "$work/queries-quick.jsonl" >"$work/quick.json"
  $report progress "$work/status.json" "$work/quick.json"
done

say "Consolidating: $steps steps of replay, as if asleep"
ctl consolidate --steps "$steps"
ctl generations publish
ctl --json eval --queries "$work/queries.jsonl" >"$work/eval.json"

say "Some recalls to check by eye: voices, fonts and distortions that were never streamed"
for word in romeo kilo sierra; do
  ctl --json recall --audio "$work/sounds/query-$word-00.wav" --want image -k 5 >"$work/recall.json"
  $report recall "the spoken word '$word', an unheard voice" "$work/recall.json"
  $report picture "the nearest picture" "$work" "$work/recall.json"
done
ctl --json recall --image "$work/sights/query-tango-00.png" --want text --fold -k 3 >"$work/recall.json"
$report picture "this sight" "$work" sights/query-tango-00.png
$report recall "the sight above" "$work/recall.json"

say "Your own files"
cat <<TEXT
Write one event a line into a file, say mine.jsonl. What belongs together has one scene and is
close in time (here broken into lines to be read; files relative to mine.jsonl):
  {"event_id":"1", "time":"2025-01-01T10:00:00Z", "scene":"kitchen", "percepts":[
    {"modality":"image","file":"cat.jpg"}, {"modality":"audio","file":"meow.wav"},
    {"modality":"text","text":"the cat"}]}
and then:
  $build/bin/mixmatchd --data-dir ./memory --listen 127.0.0.1:7077 &
  $build/bin/mixmatchctl --server 127.0.0.1:7077 ingest --manifest mine.jsonl --wait learned
  $build/bin/mixmatchctl --server 127.0.0.1:7077 consolidate --steps 300
  $build/bin/mixmatchctl --server 127.0.0.1:7077 generations publish
  $build/bin/mixmatchctl --server 127.0.0.1:7077 recall --audio meow.wav --want image -k 5
TEXT
if [ -n "$keep" ]; then echo "This demo's stream, memory and log stay in $work."; fi

say "Cross-modal recall: queries never streamed, answers from the stream"
$report table "$work/eval.json"
