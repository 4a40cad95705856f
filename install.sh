#!/bin/bash
# Builds pml, installs it for this user (as root: for everybody) and starts its default pool.
#
#   ./install.sh               root: into /usr/local; anybody else: into ~/.local
#   ./install.sh --no-start    installs only
#   ./install.sh --uninstall   stops what runs and removes everything that was installed
#
# Running it again updates. What it put where is in <prefix>/share/pml/installed.
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
pid_file=$runtime/pml/default.pid

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else return 1; fi
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
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

build() {
  local options=(--prefix "$prefix" --buildtype release -Dtests=false "-Duserunitdir=$units")
  local again=()
  [ -e build-install/build.ninja ] && again=(--reconfigure)
  mkdir -p build-install
  say "Building …"
  /usr/bin/meson setup build-install "${again[@]}" "${options[@]}" >build-install/install.log 2>&1 &&
    ninja -C build-install >>build-install/install.log 2>&1 || { tail -n 20 build-install/install.log >&2; fail "the build failed, see build-install/install.log"; }
}

# The files of the last installation that this one did not bring are removed.
install_files() {
  say "Installing into $prefix …"
  local before
  before=$(cat "$record" 2>/dev/null || true)
  mkdir -p "$(dirname "$record")"
  /usr/bin/meson install -C build-install --no-rebuild >>build-install/install.log 2>&1 || { tail -n 20 build-install/install.log >&2; fail "cannot install, see build-install/install.log"; }
  { grep '^/' build-install/meson-logs/install-log.txt; say "$record"; } | sort -u >"$record.new"
  local path
  while IFS= read -r path; do
    if [ -z "$path" ] || grep -qxF "$path" "$record.new"; then continue; fi
    if [ -L "$path" ] && [[ $path = /usr/local/bin/* ]]; then
      say "$path" >>"$record.new"  # made by make_reachable
    elif [ ! -d "$path" ]; then
      rm -f "$path"
    fi
  done <<<"$before"
  mv "$record.new" "$record"
  if [ "$(id -u)" = 0 ] && command -v journalctl >/dev/null; then journalctl --update-catalog 2>/dev/null || true; fi
}

# ~/.local/bin may be missing in PATH until the next login. /usr/local/bin is there.
make_reachable() {
  local name target
  case ":$PATH:" in *":$prefix/bin:"*) return ;; esac
  if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null; then
    for target in "$prefix"/bin/{pml,pmld,pmlctl,python-module-launcher}; do
      name=/usr/local/bin/$(basename "$target")
      [ -e "$target" ] || continue
      if [ ! -e "$name" ] || [ "$(readlink "$name")" = "$target" ]; then
        sudo ln -sfn "$target" "$name"
        grep -qxF "$name" "$record" || say "$name" >>"$record"
      fi
    done
    say "Linked the commands into /usr/local/bin, because $prefix/bin is not in PATH."
  else
    say "$prefix/bin is not in PATH. Add it:  export PATH=\"$prefix/bin:\$PATH\""
  fi
}

user_manager() { command -v systemctl >/dev/null && systemctl --user show-environment >/dev/null 2>&1; }

standalone_running() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) && [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = pmld ] && say "$pid"
}

stop_services() {
  local pid
  if user_manager; then
    systemctl --user stop 'pml@*.socket' 'pml@*.service' 2>/dev/null || true
  fi
  if pid=$(standalone_running); then
    kill -TERM "$pid"
    for _ in $(seq 300); do [ -e "/proc/$pid" ] || break; sleep 0.1; done
  fi
}

start_services() {
  stop_services
  if user_manager; then
    systemctl --user daemon-reload
    systemctl --user enable -q --now pml@default.socket
    systemctl --user start pml@default.service
    say "Started pml@default.socket and pml@default.service (systemctl --user status pml@default)."
  elif mkdir -p -m 0700 "$runtime" 2>/dev/null && [ -O "$runtime" ]; then
    mkdir -p -m 0700 "$runtime/pml"
    "$prefix/bin/pmld" --profile default --daemonize --pidfile "$pid_file" </dev/null >/dev/null 2>"$runtime/pml/default.log" ||
      { cat "$runtime/pml/default.log" >&2; fail "pmld did not start"; }
    say "No systemd user manager here: started pmld itself (pid $(cat "$pid_file"), stop it with: kill \$(cat $pid_file))."
  else
    say "Neither a systemd user manager nor a runtime folder here: nothing was started, pml runs python3."
    return 1
  fi
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
  "$prefix/bin/pml" --wait --no-fallback -c 'print("Hello from a warm interpreter.")' || fail "the first program was not served"
  sleep 0.3
  say "A program that imports argparse, json, logging, pathlib, subprocess and urllib.parse:"
  say "  cold, python3: $(milliseconds /usr/bin/python3 -c "$program")"
  say "  warm, pml:     $(milliseconds "$prefix/bin/pml" -c "$program")"
  say "Try it:  pml -c 'print(6*7)'"
}

# What pmlctl wrap made would not work any more.
unwrap_all() {
  local profile
  for profile in "${XDG_CONFIG_HOME:-$HOME/.config}"/pml/profiles/wrap-*.toml; do
    [ "$(head -n 1 "$profile" 2>/dev/null)" = "# written by pmlctl wrap" ] || continue
    profile=${profile##*/wrap-}
    "$prefix/bin/pmlctl" unwrap "${profile%.toml}" || true
  done
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

uninstall() {
  [ -e "$record" ] || { say "Nothing is installed in $prefix."; return; }
  unwrap_all
  stop_services
  disable_all
  local path
  while IFS= read -r path; do
    case $path in
      /usr/local/bin/*) as_root rm -f "$path" ;;
      *) if [ -d "$path" ] && [ ! -L "$path" ]; then rmdir "$path" 2>/dev/null || true; else rm -f "$path"; fi ;;
    esac
  done < <(tac "$record")
  rm -f "$runtime/pml/default.log"
  for path in "$prefix"/share/pml "$prefix"/libexec/pml "$prefix"/lib/*/pml "$prefix"/lib/pml "$prefix"/lib64/pml "$runtime/pml"; do
    [ -d "$path" ] || continue
    find "$path" -name '_pml_zygote.*.so' -delete  # pmlctl python add made some
    find "$path" -depth -type d -empty -delete
  done
  if [ "$(id -u)" != 0 ]; then
    rmdir "$prefix"/share/systemd/user "$prefix"/share/systemd "$prefix"/{bin,share,lib,lib64,libexec} "$prefix" "${XDG_CONFIG_HOME:-$HOME/.config}" 2>/dev/null || true
  fi
  if user_manager; then systemctl --user daemon-reload; fi
  say "Removed pml from $prefix. (The packages that the build needed stay.)"
}

case ${1:-} in
  --uninstall) uninstall ;;
  '' | --no-start)
    install_packages
    build
    install_files
    make_reachable
    if [ "${1:-}" = '' ] && start_services; then first_program; fi
    ;;
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0" ;;
  *) fail "unknown option $1 (--no-start, --uninstall, --help)" ;;
esac
