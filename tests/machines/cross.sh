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
  local name=${triplet[$1]} cpu=$1
  [ "$1" != i386 ] || cpu=x86
  cat >"$2.ini" <<END
[binaries]
c = '$name-gcc'
cpp = '$name-g++'
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

# What runs is started by qemu; the service's interpreter is this machine's, which has no module from that build: a launch steps aside.
run() { # FOLDER QEMU ROOT
  local stage=$1/stage said scratch service
  scratch=$(mktemp -d)
  said=$("$2" -L "$3" "$stage/bin/pml" --version 2>&1) || true
  if [[ $said == pml\ * ]]; then echo "ok $1: the client says its version"; else echo "not ok $1: the client says: $said"; fi
  said=$("$2" -L "$3" "$stage/bin/pml" --socket "$scratch/none.sock" -c 'print(6*7)' 2>&1) || true
  if [ "$said" = 42 ]; then echo "ok $1: without a service the program runs by python3"; else echo "not ok $1: without a service: $said"; fi
  XDG_RUNTIME_DIR=$scratch "$2" -L "$3" "$stage/bin/pmld" "$scratch/it.sock" json >"$1-pmld.log" 2>&1 &
  service=$!
  for _ in $(seq 500); do [ ! -e "$scratch/it.sock" ] || break; sleep 0.02; done
  said=$("$2" -L "$3" "$stage/bin/pml" --trace --socket "$scratch/it.sock" -c 'print(6*7)' 2>"$scratch/trace") || true
  if [ "$said" = 42 ]; then echo "ok $1: with the service: $(tail -n 1 "$scratch/trace")"; else echo "not ok $1: with the service: $said $(cat "$scratch/trace")"; fi
  kill "$service" 2>/dev/null || true
  wait "$service" 2>/dev/null || true
  rm -rf "$scratch"
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
  case $machine in
    aarch64) run "$folder" qemu-aarch64 /usr/aarch64-linux-gnu ;;
    riscv64) run "$folder" qemu-riscv64 /usr/riscv64-linux-gnu ;;
    i386) run "$folder" qemu-i386 / ;;
  esac
done
