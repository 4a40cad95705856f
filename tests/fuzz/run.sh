#!/bin/sh
# Builds the fuzzers with clang and runs each for SECONDS, starting from the corpus beside this
# file. What they find goes to the build folder; the corpus stays as it is.
#
#   tests/fuzz/run.sh SECONDS [FUZZER…]
#
# PML_FUZZ_BUILD names the build folder (build-fuzz in the source tree). Ends with 1 where a fuzzer
# found something.
set -eu

seconds=${1:?usage: run.sh SECONDS [FUZZER…]}
shift
[ $# -gt 0 ] || set -- ahead image profile request reply_and_messages text_dialect
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${PML_FUZZ_BUILD:-$root/build-fuzz}

clang=
for name in clang++ clang++-19 clang++-16 clang++-14; do
  if command -v "$name" >/dev/null; then clang=$name; break; fi
done
[ -n "$clang" ] || { echo "run.sh: no clang++ found (Debian: apt install clang)" >&2; exit 69; }

if [ ! -e "$build/build.ninja" ]; then
  mkdir -p "$build"
  CXX=$clang CXXFLAGS="-fsanitize=fuzzer-no-link -fno-sanitize-recover=all" \
    meson setup "$build" "$root" -Dfuzz=true -Dbuildtype=debugoptimized -Db_lundef=false \
    -Db_sanitize=address,undefined >"$build/setup.log" || { cat "$build/setup.log" >&2; exit 70; }
fi
ninja -C "$build" fuzzers >"$build/fuzz-build.log" || { cat "$build/fuzz-build.log" >&2; exit 70; }

export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
worst=0
printf '%-20s %12s %8s %8s\n' fuzzer executions corpus crashes
for fuzzer; do
  grown=$build/fuzz/$fuzzer
  log=$grown.log
  mkdir -p "$grown/corpus" "$grown/found"
  "$build/tests/fuzz/${fuzzer}_fuzz" "$grown/corpus" "$here/corpus/$fuzzer" \
    -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$grown/found/" >"$log" 2>&1 || { worst=1; tail -n 40 "$log" >&2; }
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  set -- "$grown"/found/*
  found=0
  [ ! -e "$1" ] || found=$#
  set -- "$grown"/corpus/*
  printf '%-20s %12s %8s %8s\n' "$fuzzer" "${executions:-?}" $# "$found"
done
exit "$worst"
