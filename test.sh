#!/bin/bash
# Installs what the tests need, builds pml and tests it.
#
#   ./test.sh                                       everything
#   ./test.sh unit|integration|equivalence|systemd  one part of it
#   ./test.sh names                                 private names of CPython stay in src/worker/compat/; sizes
#   ./test.sh docs                                  the manual pages
#   ./test.sh package                               the Debian package: built, linted, installed, upgraded, purged
#   ./test.sh sanitize                              unit, integration and systemd tests under ASan and UBSan
#   ./test.sh fuzz                                  each fuzzer for a short time (tests/fuzz/run.sh: longer)
#   ./test.sh format                                clang-format
#   ./test.sh lint                                  clang-tidy (takes most of an hour); PML_LINT_SINCE=COMMIT: only what has changed
#                                                   since, and then a part of everything in CI
#
# Other interpreters than /usr/bin/python3 that have their headers are built for and tested in short:
# those in $PML_TEST_INTERPRETERS (words), or where it is not set, what is found in the usual places.
#
#   ./test.sh machines                              unit, integration, equivalence and systemd on Debian 13 and testing, in systems
#                                                   that debootstrap makes (root); part of everything in CI where
#                                                   PML_TEST_MACHINES names them ("trixie forky"), and then in short
#   ./test.sh cross                                 other machines: compiled, and run by qemu-user (in a system of tests/machines/run.sh only)
#   ./test.sh packages                              only installs what the tests need
#
# PML_TEST_EVERY=N: only each N-th case of equivalence. PML_TEST_WHOLE=1: other interpreters not in short, but whole.
# PML_TEST_OPTIONS: words for meson setup.
# The last line is "N passed, N failed, N skipped". CI=true: what cannot run has failed, but for machines.
set -euo pipefail
# A shell starts what it puts into the background, and nohup all, with signals ignored that tests send.
[ "${PML_TEST_SIGNALS:-}" = default ] || PML_TEST_SIGNALS=default exec env --default-signal "$BASH" "$0" "$@"
unset PML_TEST_SIGNALS
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
root=$PWD stage=$PWD/build-test/stage results=$PWD/build-test/results
jobs=$(nproc)
packages=(g++ meson ninja-build pkg-config libsystemd-dev libtomlplusplus-dev nlohmann-json3-dev pybind11-dev python3 python3-dev
  libgtest-dev clang libclang-rt-dev clang-format clang-tidy valgrind python3-pytest python3-numpy
  "python3-pyside2.qtwidgets|python3-pyside6.qtwidgets"
  netcat-openbsd systemd dbus dbus-user-session procps util-linux scdoc mandoc zsh fish)
counted=()
# Read before the environment is cleaned.
since=${PML_LINT_SINCE:-} every=${PML_TEST_EVERY:-} whole=${PML_TEST_WHOLE:-} systems=${PML_TEST_MACHINES:-trixie forky} home_of_systems=${PML_MACHINES:-} options=${PML_TEST_OPTIONS:-}
others=${PML_TEST_INTERPRETERS-$(ls -d /usr/{local/,}bin/python3.{[0-9],[0-9][0-9]} /opt/python*/bin/python3 ~/.pyenv/versions/*/bin/python3 2>/dev/null || true)}

say() { printf '\n== %s\n' "$*"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

apt_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }

# ONE|OTHER…: the first that this release has. What is installed needs no question.
name_of_package() {
  local names name
  IFS='|' read -ra names <<<"$1"
  for name in "${names[@]}"; do
    [ ${#names[@]} = 1 ] || [ -n "$(apt-cache policy "$name" 2>/dev/null | grep -v '(none)' | grep Candidate)" ] || continue
    echo "$name"
    return
  done
  echo "${names[0]}"
}

install_packages() {
  command -v apt-get >/dev/null || return 0
  local package missing=() here
  here=$(dpkg --print-architecture)
  for package in "${packages[@]}"; do
    package=$(name_of_package "$package")
    # A package may be there for other machines, too.
    dpkg-query -W -f '${db:Status-Status} ${Architecture}\n' "$package" 2>/dev/null | grep -qxE "installed ($here|all)" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing ${missing[*]}"
  local log
  log=$(mktemp)
  apt_install "${missing[@]}" >"$log" 2>&1 || { as_root apt-get update -q && apt_install "${missing[@]}"; } >"$log" 2>&1 ||
    { tail -n 20 "$log"; exit 1; }
  rm -f "$log"
}

# What a job of make or of an editor leaves in the environment is no business of the tests.
clean_environment() {
  local name
  for name in $(compgen -e); do
    case $name in PYTHON* | PML* | LD_* | MALLOC_* | LC_* | LANGUAGE | MAKEFLAGS | VIRTUAL_ENV) unset "$name" ;; esac
  done
  export LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  umask 022
}

# The others among the interpreters that pml can be built for, each build once.
other_interpreters() {
  local interpreter
  for interpreter in $others; do
    [ "$("$interpreter" -I src/zygote/interpreter_facts.py src/base/python_abi.hpp 2>/dev/null | sed -n '3s/^$/fits/p')" = fits ] || continue
    [ "$(readlink -f "$interpreter")" = "$(readlink -f /usr/bin/python3)" ] || echo "$(readlink -f "$interpreter") $interpreter"
  done | sort -u -k1,1 | cut -d' ' -f2
}

# FOLDER [options …]: configures, builds, and installs into FOLDER/stage.
build() {
  local folder=$1 again=()
  shift
  [ -e "$folder/build.ninja" ] && again=(--reconfigure)
  mkdir -p "$folder"
  rm -rf "$folder/stage"  # a module of an earlier build would be found there
  { meson setup "$folder" "${again[@]}" --werror --prefix "$root/$folder/stage" "-Duserunitdir=$root/$folder/stage/lib/systemd/user" "$@" &&
    ninja -C "$folder" -j "$jobs" && meson install -C "$folder" --no-rebuild; } >"$folder/build.log" 2>&1 ||
    { grep -E -A5 'error|ERROR|FAILED' "$folder/build.log" | head -n 60; echo "the build failed, see $folder/build.log"; exit 1; }
}

unit() { # FOLDER NAME
  say "Unit tests ($2)"
  meson test -C "$1" --no-rebuild --print-errorlogs --suite unit || true
  cp "$1/meson-logs/testlog.junit.xml" "$results/$2.xml"
  counted+=("$results/$2.xml")
}

# Adds what is in a JUnit file, or one failure where the suite did not come so far.
count() {
  if [ -s "$results/$1.xml" ]; then counted+=("$results/$1.xml"); else counted+=("$1=0,1,0"); fi
}

integration() { # STAGE NAME [OTHER INTERPRETERS]
  say "Integration tests ($2)"
  PML_TEST_PREFIX=$1 PML_TEST_OTHERS=${3:-} /usr/bin/python3 -B -m pytest -p no:cacheprovider -q -o junit_family=xunit2 --junitxml "$results/$2.xml" tests/integration || true
  count "$2"
}

equivalence() {
  say "Equivalence with python3"
  local line
  tests/equivalence/run.py --prefix "$stage" -j "$jobs" --every "${every:-1}" | tee "$results/equivalence.log" || true
  line=$(tail -n 1 "$results/equivalence.log")
  count_equivalence equivalence "$line"
  short_equivalence "venv" --venv
  local interpreter
  for interpreter in $others; do
    short_equivalence "$("$interpreter" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')" --interpreter "$interpreter"
  done
}

# NAME OPTIONS: some of the cases, with another interpreter, or all where PML_TEST_WHOLE is set.
short_equivalence() {
  local name=$1 each=12
  shift
  [ -z "$whole" ] || each=${every:-1}
  say "Equivalence with another interpreter ($name, each of $each)"
  tests/equivalence/run.py --prefix "$stage" -j "$jobs" --every "$each" "$@" | tee "$results/equivalence-$name.log" || true
  count_equivalence "equivalence-$name" "$(tail -n 1 "$results/equivalence-$name.log")"
}

count_equivalence() { # NAME LINE
  local line=$2
  if [[ $line =~ ^equivalence:\ ([0-9]+)\ cases,.*\ ([0-9]+)\ skipped,\ ([0-9]+)\ failed ]]; then
    counted+=("$1=$((BASH_REMATCH[1] > BASH_REMATCH[3] ? BASH_REMATCH[1] - BASH_REMATCH[3] : 0)),${BASH_REMATCH[3]},${BASH_REMATCH[2]}")
  else
    counted+=("$1=0,1,0")
  fi
}

systemd_suite() { # STAGE NAME
  say "The real thing: systemd, journald, sockets ($2)"
  local status=0 number
  rm -f "$results/$2.xml"
  tests/systemd/run.sh "$1" -q -o junit_family=xunit2 --junitxml "$results/$2.xml" || status=$?
  if [ "$status" = 77 ]; then
    number=$(grep -c '^def test_' tests/systemd/test_*.py | awk -F: '{ sum += $2 } END { print sum }')
    counted+=("$2=0,0,$number")
  else
    count "$2"
  fi
}

# NAME COMMAND…, which prints "ok …" and "not ok …"; 77: it cannot run here.
checklist() {
  local name=$1 status=0 bad
  shift
  "$@" | tee "$results/$name.log" || status=$?
  bad=$(grep -c '^not ok ' "$results/$name.log" || true)
  if [ "$status" = 77 ]; then
    counted+=("$name=0,0,1")
  elif [ "$status" != 0 ] && [ "$bad" = 0 ]; then
    counted+=("$name=$(grep -c '^ok ' "$results/$name.log" || true),1,0")
  else
    counted+=("$name=$(grep -c '^ok ' "$results/$name.log" || true),$bad,0")
  fi
}

names() {
  say "What is known of one CPython version stays in one folder"
  checklist names tests/private_names.py
  checklist names-self tests/private_names.py --self
  say "Functions, classes and files are of a size that can be read"
  checklist sizes tests/sizes.py
  checklist sizes-self tests/sizes.py --self
}

docs() {
  say "The manual pages"
  checklist docs tests/manual.sh "$stage"
}

package() {
  say "The Debian package"
  checklist package tests/package/run.sh
}

# What Debian 13 and testing have. In CI a slice of it, which has its time: all of it takes an hour and more.
machines() {
  local system what=(unit integration equivalence systemd) limit=14400
  [ "${CI:-}" != true ] || { what=(unit equivalence systemd); limit=960; }
  for system in $systems; do
    if [ "$system" = trixie ] && [ "${CI:-}" != true ]; then machine trixie "$limit" "${what[@]}" cross; else machine "$system" "$limit" "${what[@]}"; fi
  done
}

# What cannot be tried here is no failure, in CI neither: not every machine has root and a mirror. It is said, and counted as skipped.
machine() { # SYSTEM SECONDS PART…
  local name=machine-$1 limit=$2 status=0 line
  say "Debian $1: ${*:3}"
  PML_MACHINES=$home_of_systems PML_TEST_WHOLE=${whole:-$([ "${CI:-}" = true ] || echo 1)} PML_TEST_EVERY=${every:-$([ "${CI:-}" != true ] || echo 8)} \
    PML_TEST_OPTIONS=${options:-$([ "${CI:-}" != true ] || echo -Doptimization=1)} \
    timeout --kill-after=10 "$limit" tests/machines/run.sh "$1" "${@:3}" 2>&1 | tee "$results/$name.log" || status=$?
  line=$(tail -n 1 "$results/$name.log")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    counted+=("$name=${BASH_REMATCH[1]},${BASH_REMATCH[2]},${BASH_REMATCH[3]}")
  elif [ "$status" = 77 ]; then
    counted+=("$name=0,0,1")
  elif [[ $status =~ ^(124|137)$ ]] && [ "${CI:-}" = true ]; then
    echo "tests/machines: $1 was not tried to its end: it takes more than $((limit / 60)) minutes here"
    counted+=("$name=0,0,1")
  else
    counted+=("$name=0,1,0")
  fi
}

cross() {
  say "Other machines"
  checklist cross tests/machines/cross.sh
}

sanitize() {
  say "Building with ASan and UBSan"
  build build-sanitize -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debug
  export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
  unit build-sanitize unit-sanitized
  # python3 itself is not built so: the module that it loads is the plain one.
  local module
  module=$(find "$stage" -name '_pml_zygote*.so' -print -quit)
  [ -n "$module" ] || { echo "test.sh: no zygote module in $stage" >&2; exit 1; }
  PML_MODULE_DIR=$(dirname "$module")
  export PML_MODULE_DIR
  integration "$root/build-sanitize/stage" integration-sanitized
  systemd_suite "$root/build-sanitize/stage" systemd-sanitized
  unset ASAN_OPTIONS UBSAN_OPTIONS PML_MODULE_DIR
}

fuzz() {
  say "Fuzzing, a short time"
  tests/fuzz/run.sh 10 | tee "$results/fuzz.log" || true
  counted+=("fuzz=$(awk 'NR > 1 && $2 > 0 && $4 == 0 { good++ } NR > 1 && !($2 > 0 && $4 == 0) { bad++ } END { printf "%d,%d,0", good, bad + (NR < 2) }' "$results/fuzz.log")")
}

format() {
  say "Formatting"
  local files
  mapfile -t files < <(git ls-files '*.cpp' '*.hpp')
  if clang-format --dry-run -Werror "${files[@]}"; then counted+=("format=1,0,0"); else counted+=("format=0,1,0"); fi
}

# COMMIT: the sources of src/ that have changed since; of a header that has, the first source that includes it.
changed_sources() {
  local file
  for file in $(git diff --name-only --diff-filter=d "$1" -- src); do
    case $file in
      *.cpp) echo "$file" ;;
      *.hpp) git grep -lF "#include \"${file#src/}\"" -- 'src/*.cpp' | head -n 1 ;;
    esac
  done | sort -u
}

lint() {
  say "clang-tidy"
  local files
  # clang reads clang's words, not gcc's.
  [ -e build-lint/build.ninja ] || CC=clang CXX=clang++ meson setup build-lint -Dtests=false >"$results/lint.log"
  mapfile -t files < <(if [ -n "$since" ]; then changed_sources "$since"; else git ls-files 'src/*.cpp'; fi |
    grep -v '^src/client/runtime/')
  [ ${#files[@]} -gt 0 ] || { counted+=("lint=1,0,0"); return; }
  # The zygote module is compiled as one file, so most of its own stand in no list of commands.
  local headers
  headers=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')
  if printf '%s\n' "${files[@]}" | xargs -P "$jobs" -n 4 clang-tidy --quiet -p build-lint --extra-arg=-isystem --extra-arg="$headers"; then counted+=("lint=1,0,0"); else counted+=("lint=0,1,0"); fi
}

parts=("$@")
[ $# -gt 0 ] || parts=(names unit integration equivalence systemd docs package sanitize fuzz format)
# Where CI has the time for them.
if [ "${CI:-}" = true ] && [ $# = 0 ]; then
  [ -z "$since" ] || parts+=(lint)
  [ -z "${PML_TEST_MACHINES:-}" ] || parts+=(machines)
fi
clean_environment
mkdir -p "$results"
[[ ${parts[*]} == machines ]] || install_packages
[[ ${parts[*]} != packages ]] || exit 0
needs_a_build() {
  local part
  for part in "${parts[@]}"; do
    case $part in names | format | lint | machines | cross) ;; *) return 0 ;; esac
  done
  return 1
}
if needs_a_build; then
  others=$(other_interpreters)
  say "Building${others:+ (for /usr/bin/python3 and }${others//$'\n'/, }${others:+)}"
  # shellcheck disable=SC2086  # words
  build build-test "-Dinterpreters=/usr/bin/python3$(printf ',%s' $others | sed 's/,$//')" $options
fi
for part in "${parts[@]}"; do
  case $part in
    names) names ;;
    machines) machines ;;
    unit) unit build-test unit ;;
    integration) integration "$stage" integration "$others" ;;
    equivalence) equivalence ;;
    systemd) systemd_suite "$stage" systemd ;;
    docs) docs ;;
    package) package ;;
    sanitize) sanitize ;;
    fuzz) fuzz ;;
    format) format ;;
    lint) lint ;;
    cross) cross ;;
    *) echo "test.sh: unknown part $part" >&2; exit 64 ;;
  esac
done
say "Summary"
/usr/bin/python3 tests/summary.py "${counted[@]}"
