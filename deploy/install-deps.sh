#!/usr/bin/env bash
# Installs what Mix-Match needs from Debian's own packages (Debian 12 and 13), as root or by sudo.
# Installs only what is missing, asks nothing, and makes OpenBLAS the BLAS of the machine.
#
#   deploy/install-deps.sh            what building and testing need (the same as --build)
#   deploy/install-deps.sh --run      only what the built programs need
#   deploy/install-deps.sh --lint     clang-format and clang-tidy
#   deploy/install-deps.sh --demo     what deploy/demo.sh makes its stream with
# Several may be given at once.
set -euo pipefail

fail() { echo "install-deps: $*" >&2; exit 1; }

# The libraries of --build without their headers: their names carry versions, so one list a release.
run_packages() {
  case "$1" in
    bookworm)
      echo libtorch1.13 libgrpc++1.51 libprotobuf32 libabsl20220623 librocksdb7.8 libspdlog1.10 \
        libyaml-cpp0.7 libavformat59 libavcodec59 libavutil57 libswscale6 libswresample4 ;;
    trixie)
      echo libtorch2.6 libgrpc++1.51t64 libprotobuf32t64 libabsl20240722 librocksdb9.10 \
        libspdlog1.15 libyaml-cpp0.8 libavformat61 libavcodec61 libavutil59 libswscale8 \
        libswresample5 ;;
    *) fail "Debian release '$1' is not known; use Debian 12 (bookworm) or 13 (trixie)" ;;
  esac
  echo libopenblas0-openmp libgomp1 libxxhash0 libjemalloc2 zlib1g ca-certificates
}

build_packages() {
  echo cmake ninja-build ccache g++ pkg-config git
  # Compute. The OpenMP flavour of OpenBLAS shares its threads with LibTorch and FAISS.
  echo libtorch-dev libopenblas0-openmp libblas-dev liblapack-dev libfaiss-dev libhnswlib-dev
  # Network. gRPC's CMake files look for OpenSSL, c-ares and RE2 by themselves.
  echo libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libprotoc-dev \
    libssl-dev libc-ares-dev libre2-dev zlib1g-dev
  # Storage, media, and the rest.
  echo librocksdb-dev libxxhash-dev libjemalloc-dev
  echo libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libswresample-dev
  echo libabsl-dev libspdlog-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev
  # Tests, benchmarks and the Python example.
  echo libgtest-dev libgmock-dev libbenchmark-dev
  # grpc-tools imports pkg_resources without depending on it.
  echo python3 python3-grpcio python3-grpc-tools python3-pkg-resources python3-protobuf
  # The evals' baselines (tests/eval).
  echo python3-numpy
}

lint_packages() { echo clang-format clang-tidy python3; }

demo_packages() {
  echo python3 python3-pil espeak-ng fonts-dejavu-core fonts-liberation fonts-freefont-ttf
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || fail "not root and no sudo here; run it as root, or install sudo"
    sudo DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

# LibTorch and FAISS call libblas.so.3; the reference BLAS behind it is some thirty times slower.
choose_openblas() {
  local wanted name current
  wanted=$(find /usr/lib -path '*/openblas-openmp/libblas.so.3' -print -quit)
  [ -n "$wanted" ] || fail "OpenBLAS was installed but its libblas.so.3 is not under /usr/lib"
  name=libblas.so.3-$(basename "$(dirname "$(dirname "$wanted")")")
  current=$(update-alternatives --query "$name" | sed -n 's/^Value: //p')
  if [ "$current" != "$wanted" ]; then
    as_root update-alternatives --set "$name" "$wanted"
  fi
  wanted=${wanted%libblas.so.3}liblapack.so.3
  name=liblapack.so.3-${name#libblas.so.3-}
  current=$(update-alternatives --query "$name" 2>/dev/null | sed -n 's/^Value: //p')
  if [ -e "$wanted" ] && [ "$current" != "$wanted" ]; then
    as_root update-alternatives --set "$name" "$wanted"
  fi
}

main() {
  export DEBIAN_FRONTEND=noninteractive
  [ -r /etc/os-release ] || fail "no /etc/os-release; use Debian 12 or 13"
  local release packages="" blas=no
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")
  [ $# -gt 0 ] || set -- --build
  for option in "$@"; do
    case "$option" in
      --run) packages+=" $(run_packages "$release")" blas=yes ;;
      --build) packages+=" $(build_packages)" blas=yes ;;
      --lint) packages+=" $(lint_packages)" ;;
      --demo) packages+=" $(demo_packages)" ;;
      -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
      *) fail "unknown option '$option'; give --run, --build, --lint or --demo" ;;
    esac
  done
  local missing=() package
  for package in $(echo "$packages" | tr ' ' '\n' | sort -u); do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "install-deps: installing ${#missing[@]} packages: ${missing[*]}"
    as_root apt-get update -qq
    as_root apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "${missing[@]}" |
      awk '/^Setting up/ { done += 1 } END { print "install-deps: " done + 0 " packages set up" }'
  else
    echo "install-deps: everything needed is installed"
  fi
  if [ "$blas" = yes ]; then choose_openblas; fi
}

main "$@"
