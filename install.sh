#!/bin/bash
# Builds pml, installs it for this user (as root: for everybody) and starts its default pool.
#
#   ./install.sh               root: into /usr/local; anybody else: into ~/.local
#   ./install.sh --no-start    installs only
#   ./install.sh --deb         builds a Debian package instead, into build-deb/, and says how to install it
#   ./install.sh --uninstall   removes everything that was installed and what pmlctl has made of it; asks before
#                              it ends programs (--yes: does not ask)
#
# PML_PYTHON=PATH: pml's module is made for that interpreter, too (see pml.service(8)).
# Running it again updates. Programs that run go on; their pool takes the new pml when they have ended.
# What it put where is in <prefix>/share/pml/installed.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

packages=(g++ meson ninja-build pkg-config libsystemd-dev libtomlplusplus-dev nlohmann-json3-dev pybind11-dev python3 python3-dev scdoc)
if [ "$(id -u)" = 0 ]; then
  prefix=/usr/local units=/usr/local/lib/systemd/user
else
  prefix=$HOME/.local units=$HOME/.local/share/systemd/user
fi
record=$prefix/share/pml/installed
runtime=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else return 1; fi
}

missing_packages() {
  local package here
  here=$(dpkg --print-architecture)
  for package in "${packages[@]}"; do
    # A package may be there for other machines, too.
    dpkg-query -W -f '${db:Status-Status} ${Architecture}\n' "$package" 2>/dev/null | grep -qxE "installed ($here|all)" || printf '%s ' "$package"
  done
}

apt_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }

install_packages() {
  command -v apt-get >/dev/null || { say "No apt-get here: the packages ${packages[*]} (or your system's names of them) have to be there."; return; }
  local missing log
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  say "Installing what the build needs: $missing"
  log=$(mktemp)
  # shellcheck disable=SC2086  # a list of words
  if ! apt_install $missing >"$log" 2>&1; then
    { as_root apt-get update -q && apt_install $missing; } >"$log" 2>&1 || { tail -n 5 "$log" >&2; rm -f "$log"; fail "cannot install: $missing"; }
  fi
  rm -f "$log"
}

# For size: most of what a service and its interpreters have for themselves is code, and launches are as fast.
build() {
  local options=(--prefix "$prefix" --buildtype release --optimization s -Dtests=false "-Duserunitdir=$units")
  case ${PML_PYTHON:-} in '' | /usr/bin/python3) ;; *) options+=("-Dinterpreters=/usr/bin/python3,$PML_PYTHON") ;; esac
  local again=()
  [ -e build-install/build.ninja ] && again=(--reconfigure)
  mkdir -p build-install
  say "Building …"
  /usr/bin/meson setup build-install "${again[@]}" "${options[@]}" >build-install/install.log 2>&1 &&
    ninja -C build-install >>build-install/install.log 2>&1 || { tail -n 20 build-install/install.log >&2; fail "the build failed, see build-install/install.log"; }
}

folders() { { find "$prefix" -maxdepth 6 -type d 2>/dev/null || true; } | sort; }  # the first time there is none

# The files of the last installation that this one did not bring are removed. New folders are noted, too.
install_files() {
  say "Installing into $prefix …"
  local before had
  before=$(cat "$record" 2>/dev/null || true)
  had=$(folders)
  mkdir -p "$(dirname "$record")"
  /usr/bin/meson install -C build-install --no-rebuild >>build-install/install.log 2>&1 || { tail -n 20 build-install/install.log >&2; fail "cannot install, see build-install/install.log"; }
  { grep '^/' build-install/meson-logs/install-log.txt; say "$record"; comm -13 <(say "$had") <(folders); grep '/$' <<<"$before" || true; } |
    while IFS= read -r path; do if [ -d "$path" ] && [ ! -L "$path" ]; then say "${path%/}/"; else say "$path"; fi; done | sort -u >"$record.new"
  local path
  while IFS= read -r path; do
    if [ -z "$path" ] || grep -qxF "$path" "$record.new"; then continue; fi
    remove_file "$path"
  done <<<"$before"
  mv "$record.new" "$record"
  if [ "$(id -u)" = 0 ] && command -v journalctl >/dev/null; then journalctl --update-catalog 2>/dev/null || true; fi
}

# Of what lies outside the prefix only links into it are ours: earlier versions made some.
remove_file() {
  case $1 in
    */) ;;
    "$prefix"/*) [ -d "$1" ] || rm -f "$1" ;;
    *)
      if [ -L "$1" ] && [[ $(readlink "$1") = "$prefix"/bin/* ]]; then as_root rm -f "$1" || true
      elif [[ $1 = "$HOME"/* ]] && [ ! -d "$1" ]; then rm -f "$1"; fi
      ;;
  esac
}

# Nothing is put where other users look for programs: they would run what this user can change.
make_reachable() {
  case ":$PATH:" in *":$prefix/bin:"*) return ;; esac
  say "$prefix/bin is not in this shell's PATH (a new login may have it). Type, for programs and manual pages:"
  case ${SHELL##*/} in
    fish) say "  fish_add_path $prefix/bin" ;;
    zsh) say "  export PATH=\"$prefix/bin:\$PATH\"; fpath=($prefix/share/zsh/site-functions \$fpath); autoload -U compinit && compinit" ;;
    *) say "  export PATH=\"$prefix/bin:\$PATH\"; hash -r" ;;
  esac
  export PATH="$prefix/bin:$PATH"
}

user_manager() { command -v systemctl >/dev/null && systemctl --user show-environment >/dev/null 2>&1; }

# The names of the pools that run or listen, of this user.
pools() {
  local socket
  for socket in "$runtime"/pml/*.sock; do
    [ -S "$socket" ] || continue
    socket=${socket##*/}
    say "${socket%.sock}"
  done
}

# How many programs run in a pool. A pool that sleeps is not woken by the question.
programs_in() { { "$prefix/bin/pmlctl" --json jobs "$1" 2>/dev/null || say '[]'; } | { grep -o '"job":' || true; } | wc -l; }

all_programs() {
  local name sum=0
  for name in $(pools); do sum=$((sum + $(programs_in "$name"))); done
  say "$sum"
}

is_awake() { [ -n "$("$prefix/bin/pmlctl" --json status "$1" 2>/dev/null)" ]; }

# A pool in which nothing runs begins anew at once; one with programs is left alone.
renew_pools() {
  local name
  for name in $(pools); do
    if [ "$(programs_in "$name")" != 0 ]; then
      if user_manager; then say "The pool $name is left alone while programs run in it; it takes the new pml when they have ended."
      else say "The pool $name is left alone because programs run in it. Afterwards: pmlctl restart $name"; fi
    elif is_awake "$name"; then
      "$prefix/bin/pmlctl" restart --yes "$name" || true
    fi
  done
}

start_services() {
  if user_manager; then
    systemctl --user daemon-reload
    renew_pools
    "$prefix/bin/pmlctl" enable default
    say "Started pml@default.socket and pml@default.service (pmlctl status)."
  elif mkdir -p -m 0700 "$runtime" 2>/dev/null && [ -O "$runtime" ]; then
    renew_pools
    "$prefix/bin/pmlctl" start default || fail "the default pool did not start"
    say "No systemd user manager here: started pmld itself (stop it with: pmlctl stop)."
  else
    say "Neither a systemd user manager nor a runtime folder here: nothing was started, pml runs python3."
    return 1
  fi
}

# An interpreter that pml does not know, or that has no headers: no failure, but nothing to start either.
without_module() {
  sed -n 's/^Message: \(no module for .*\)/pml has \1./p' build-install/install.log
  say "So pml executes python3 for each program. pmlctl python add PATH makes a module for an interpreter that pml serves;"
  say "a profile names it (python.interpreter), and pmlctl doctor says what is missing."
}

milliseconds() { # the median of 21 runs of the words given, a moment apart as a person would start them
  local i start end times=()
  for i in $(seq 21); do
    sleep 0.05
    start=${EPOCHREALTIME/[.,]/}; "$@" >/dev/null; end=${EPOCHREALTIME/[.,]/}
    times+=($((end - start)))
  done
  printf '%s\n' "${times[@]}" | sort -n | awk 'NR == 11 { printf "%.1f ms", $1 / 1000 }'
}

first_program() {
  local program='import argparse, json, logging, pathlib, subprocess, urllib.parse'
  if ! "$prefix/bin/pml" -p default --wait --no-fallback -c 'print("Hello from a warm interpreter.")'; then
    is_awake default || fail "the first program was not served"
    say "The pool is warm, but this shell's programs are executed by python3, for the reason above."
    return 0
  fi
  sleep 0.3
  say "A program that imports argparse, json, logging, pathlib, subprocess and urllib.parse:"
  say "  cold, python3: $(milliseconds /usr/bin/python3 -c "$program")"
  say "  warm, pml:     $(milliseconds "$prefix/bin/pml" -p default -c "$program")"
  say "Try it:  pml -c 'print(6*7)'"
}

# YES: empty where programs must not be ended unasked.
may_end_programs() {
  local count answer
  count=$(all_programs)
  [ "$count" != 0 ] || return 0
  [ -z "$1" ] || return 0
  [ -t 0 ] || fail "$count programs run in pools and would be ended (pmlctl jobs shows them); --yes does it"
  read -r -p "$count programs run in pools and would be ended (pmlctl jobs shows them). Go on? [y/N] " answer
  [[ $answer = [yY]* ]] || fail "nothing was removed"
}

stop_pools() {
  local name
  for name in $(pools); do
    if user_manager; then "$prefix/bin/pmlctl" disable "$name" >/dev/null 2>&1 || true; fi
    "$prefix/bin/pmlctl" stop --yes "$name" || true
  done
  if user_manager; then systemctl --user stop 'pml@*.socket' 'pml@*.service' 2>/dev/null || true; fi
}

# Links that systemctl enable and add-wants made, and folders that only held them.
disable_all() {
  local folder=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user link
  for link in "$folder"/*.wants/pml@*; do
    [ -L "$link" ] || continue
    rm -f "$link"
    rmdir "$(dirname "$link")" 2>/dev/null || true
  done
  rmdir "$folder" "$(dirname "$folder")" 2>/dev/null || true
}

# What pools have found out and learned.
forget_state() {
  local folder=${XDG_STATE_HOME:-$HOME/.local/state}
  rm -rf "$folder/pml"
  rmdir "$folder" 2>/dev/null || true
}

uninstall() { # [--yes]
  [ -e "$record" ] || { say "Nothing is installed in $prefix."; return; }
  may_end_programs "${1:-}"
  "$prefix/bin/pmlctl" leave || true
  stop_pools
  disable_all
  local path folders_of_ours
  folders_of_ours=$(grep '/$' "$record" | sort -r || true)
  while IFS= read -r path; do remove_file "$path"; done < <(tac "$record")
  rm -f "$runtime"/pml/*.log
  for path in "$prefix"/share/pml "$prefix"/libexec/pml "$prefix"/lib/*/pml "$prefix"/lib/pml "$prefix"/lib64/pml "$runtime/pml"; do
    [ -d "$path" ] || continue
    find "$path" -name '_pml_zygote.*.so' -delete  # pmlctl python add made some
    find "$path" -depth -type d -empty -delete
  done
  while IFS= read -r path; do
    case $path in "$prefix"/*/) rmdir "$path" 2>/dev/null || true ;; esac
  done <<<"$folders_of_ours"
  forget_state
  if [ "$(id -u)" != 0 ]; then rmdir "$prefix" "${XDG_CONFIG_HOME:-$HOME/.config}" 2>/dev/null || true; fi
  if user_manager; then systemctl --user daemon-reload; fi
  say "Removed pml from $prefix. (The packages that the build needed stay.)"
}

# In a copy, because the package's tools write beside the source.
debian_package() {
  packages+=(debhelper dpkg-dev fakeroot)
  install_packages
  rm -rf build-deb
  mkdir -p build-deb/source
  tar -c --exclude='./build-*' --exclude=./.git . | tar -x -C build-deb/source
  say "Building the package …"
  (cd build-deb/source && dpkg-buildpackage -b -us -uc) >build-deb/build.log 2>&1 || { tail -n 20 build-deb/build.log >&2; fail "the build failed, see build-deb/build.log"; }
  rm -rf build-deb/source
  local package
  package=$(ls build-deb/pml_*.deb)
  say "Made $package. Install it, or update to it:"
  say "  sudo apt install ./$package && pmlctl enable"
}

case ${1:-} in
  --uninstall) uninstall "${2:-}" ;;
  --deb) debian_package ;;
  '' | --no-start)
    install_packages
    build
    install_files
    make_reachable
    if ! grep -q '/_pml_zygote\.' "$record"; then
      without_module
    elif [ "${1:-}" = '' ] && start_services; then
      first_program
    fi
    ;;
  -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0" ;;
  *) fail "unknown option $1 (--no-start, --deb, --uninstall, --help)" ;;
esac
