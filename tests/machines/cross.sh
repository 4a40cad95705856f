#!/bin/bash
# pml for other machines: compiled by Debian's cross compilers, with the zygote's module; what qemu-user can run is run.
#
#   cross.sh [MACHINE …]    aarch64, riscv64, i386; all of them by default
#
# Prints "ok …" and "not ok …". It makes packages of other architectures known, so it runs only in a system that
# tests/machines/run.sh made. 77: it cannot be tried here.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
declare -A debian=([aarch64]=arm64 [riscv64]=riscv64 [i386]=i386) triplet=([aarch64]=aarch64-linux-gnu [riscv64]=riscv64-linux-gnu [i386]=i686-linux-gnu)
declare -A libraries=([aarch64]=aarch64-linux-gnu [riscv64]=riscv64-linux-gnu [i386]=i386-linux-gnu)

cannot() {
  echo "tests/machines/cross: cannot run here: $*" >&2
  exit 77
}

[ -e /etc/pml-machine ] || cannot "only in a system of its own: tests/machines/run.sh trixie cross"

install() { # MACHINE
  local architecture=${debian[$1]} name=${triplet[$1]} log=build-cross-$1.log
  dpkg --add-architecture "$architecture"
  { apt-get update && apt-get install -y --no-install-recommends "g++-${name//_/-}" "libc6-dev:$architecture" "libstdc++6:$architecture" \
    "libsystemd-dev:$architecture" "libtomlplusplus-dev:$architecture" "libpython3-dev:$architecture" qemu-user; } >"$log" 2>&1 || cannot "no packages for $1: $(tail -n 1 "$log")"
}

configure() { # MACHINE FOLDER
  local name=${triplet[$1]} cpu=$1 cached=
  [ "$1" != i386 ] || cpu=x86
  [ -z "$(command -v ccache)" ] || cached="'ccache', "
  cat >"$2.ini" <<END
[binaries]
c = [$cached'$name-gcc']
cpp = [$cached'$name-g++']
ar = '$name-ar'
strip = '$name-strip'
pkg-config = 'pkg-config'
[properties]
pkg_config_libdir = ['/usr/lib/${libraries[$1]}/pkgconfig', '/usr/share/pkgconfig']
[host_machine]
system = 'linux'
cpu_family = '$cpu'
cpu = '$1'
endian = 'little'
END
  rm -rf "$2"
  meson setup "$2" --cross-file "$2.ini" --werror -Dtests=false -Doptimization=0 -Dinterpreters=/usr/bin/python3 "--prefix=$PWD/$2/stage"
}

# FILE PROGRAM: a script that has qemu run the program. The kernel would not, and pml executes helpers and interpreters.
by_qemu() {
  printf '#!/bin/sh\nexec %s -0 %s %s "$@"\n' "$qemu" "$2" "$2" >"$1"
  chmod +x "$1"
}

# The interpreter of that machine; its library came with its headers.
python_of() { # MACHINE FOLDER
  local version
  version=python$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  (cd "$2" && apt-get download "$version-minimal:${debian[$1]}" && dpkg -x "$version"-minimal_*.deb python) >"$2/python.log" 2>&1 || return 1
  by_qemu "$2/python3" "$2/python/usr/bin/$version"
}

report() { # WHAT SAID WANTED: the line of a check
  if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: $2"; fi
}

# Started by qemu: without a service, with one whose interpreter is not of that machine (both step aside), and with one whose is.
run() { # MACHINE FOLDER
  local scratch helper name suffix
  scratch=$(mktemp -d) qemu=qemu-$1
  local stage=$PWD/$2/stage pml=("$qemu" "$PWD/$2/stage/bin/pml")
  mkdir -p "$scratch/helpers" "$scratch/modules" "$scratch/home/.config/pml/profiles"
  for helper in "$stage"/libexec/pml/pml-*; do by_qemu "$scratch/helpers/${helper##*/}" "$helper"; done
  export PML_HELPER_DIR=$scratch/helpers XDG_RUNTIME_DIR=$scratch HOME=$scratch/home
  unset XDG_CONFIG_HOME PML_TRACE
  report "$2: the client says its version" "$("${pml[@]}" --version 2>&1 | cut -d' ' -f1)" pml
  report "$2: without a service the program runs by python3" "$("${pml[@]}" -c 'print(6*7)' 2>&1)" 42
  serve "$2: with the module of another machine" "$(/usr/bin/python3 -c 'import platform; print(platform.machine())')" aside
  if ! python_of "$1" "$scratch"; then
    echo "not ok $2: no python3 of that machine: $(tail -n 1 "$scratch/python.log")"
  else
    suffix=$("$scratch/python3" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
    cp "$(find "$stage" -name '_pml_zygote*.so')" "$scratch/modules/_pml_zygote$suffix"
    name=$("$scratch/python3" -c 'import platform; print(platform.machine())')
    printf '[python]\ninterpreter = "%s"\n[preload]\nmodules = ["json"]\n' "$scratch/python3" >"$HOME/.config/pml/profiles/default.toml"
    PML_MODULE_DIR=$scratch/modules serve "$2: with its own interpreter and module" "$name" warm
  fi
  rm -rf "$scratch"
}

# WHAT MACHINE HOW: a program under a service of the scratch folder prints 42 and where it runs; HOW: warm, or aside.
serve() {
  local service said how=warm program='import platform; print(6*7, platform.machine())'
  rm -f "$scratch/pml/default.sock"
  "$qemu" "$stage/bin/pmld" --profile default >"$scratch/pmld.log" 2>&1 &
  service=$!
  for _ in $(seq 500); do [ ! -e "$scratch/pml/default.sock" ] && kill -0 "$service" 2>/dev/null || break; sleep 0.02; done
  said=$(PML_TRACE=1 timeout 120 "${pml[@]}" --wait -c "$program" 2>"$scratch/trace") || said+=" and failed"
  [[ $(tail -n 1 "$scratch/trace") == *" ended "* ]] || how=aside
  report "$1: $(tail -n 1 "$scratch/trace")" "$how $said" "$3 42 $2"
  [ "$how" = "$3" ] || cat "$scratch/pmld.log"
  kill "$service" 2>/dev/null || true
  wait "$service" 2>/dev/null || true
}

[ $# -gt 0 ] || set -- aarch64 riscv64 i386
for machine in "$@"; do
  folder=build-cross-$machine
  install "$machine"
  if ! configure "$machine" "$folder" >"$folder.log" 2>&1; then tail -n 5 "$folder.log"; echo "not ok $folder: configured"; continue; fi
  if ! { ninja -C "$folder" && meson install -C "$folder" --no-rebuild; } >"$folder.log" 2>&1; then
    grep -E -A5 'error|FAILED' "$folder.log" | head -n 40
    echo "not ok $folder: compiled without a warning"
    continue
  fi
  echo "ok $folder: compiled without a warning"
  if [ -n "$(find "$folder/stage" -name '_pml_zygote*.so')" ]; then
    echo "ok $folder: with a module"
  else
    echo "not ok $folder: with a module"
  fi
  run "$machine" "$folder"
done
