#!/usr/bin/env bash
# Fuzzes each target (libFuzzer, AddressSanitizer, UndefinedBehaviorSanitizer), starting from its
# corpus; what is new goes to build/fuzz/found, inputs that break something to build/fuzz/broken.
#
#   tests/fuzz/run.sh [--seconds N] [--only NAME[,NAME…]]        default 600 s each
# Needs clang with its fuzzer (Debian's clang and libclang-rt-dev); exits 77 (skipped) without.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=600
names=event,sense,manifest,record,index
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds) seconds=$2 ;;
    --only) names=$2 ;;
    *) echo "fuzz: unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
  shift 2
done
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' > "$probe/a.cc"
if ! clang++ -fsanitize=fuzzer,address "$probe/a.cc" -o "$probe/a" 2> /dev/null; then
  echo "fuzz: skipped: no clang++ with libFuzzer here; install Debian's clang and libclang-rt-dev" >&2
  exit 77
fi
cd "$root"
cmake --preset fuzz > /dev/null
targets=()
for name in ${names//,/ }; do targets+=(--target "mixmatch_fuzz_$name"); done
cmake --build --preset fuzz "${targets[@]}"
failed=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1  # else it tells and goes on
for name in ${names//,/ }; do
  found=build/fuzz/found/$name
  broken=build/fuzz/broken/$name
  mkdir -p "$found" "$broken"
  echo "fuzz: $name for $seconds s"
  build/fuzz/bin/mixmatch_fuzz_"$name" -max_total_time="$seconds" -max_len=65536 -timeout=20 \
    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$broken/" \
    "$found" "tests/fuzz/corpus/$name" 2> "build/fuzz/$name.log" || failed=1
  grep -E "^stat::(number_of_executed_units|peak_rss_mb|new_units_added)|SUMMARY|ERROR" \
    "build/fuzz/$name.log" || true
done
exit "$failed"
