#!/bin/bash
# The README as a new user of Debian 12 follows it, in a clone of their own: install, make black warm, look at it, undo
# everything. Prints what is typed and what comes. Needs a booted systemd, a user manager and sudo; changes this machine
# (a fresh one is best). The exit status is the number of things that were not as the README says.
set -uo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
failed=0

type() { # COMMAND [TEXT that has to come]…
  printf '$ %s\n' "$1"
  eval "$1" >/tmp/newcomer.out 2>&1
  cat /tmp/newcomer.out
  shift
  local text
  for text in "$@"; do
    grep -qF -- "$text" /tmp/newcomer.out || { echo "MISSING: $text"; failed=$((failed + 1)); }
  done
}

# What is there, apart from the clone and from what black and the session keep for themselves.
state() {
  { find ~ -path "$PWD" -prune -o -path ~/.cache -prune -o -print; find /usr/local -not -path '/usr/local/lib/python3*'; find "$XDG_RUNTIME_DIR/pml" 2>/dev/null; } | sort
}

before=$(state)
type "./install.sh" "Hello from a warm interpreter." "cold, python3:" "warm, pml:"
type "pml -c 'print(6*7)'" 42
type "sudo apt-get install -y -q black >/dev/null"
type "pmlctl wrap black" "black starts warm" 'export PATH='
type 'export PATH="$HOME/.local/bin:$PATH"; hash -r'
type "echo 'x = {  1:2 }' > /tmp/newcomer.py"
type "PML_TRACE=1 black -q /tmp/newcomer.py && cat /tmp/newcomer.py" "started" "x = {1: 2}"
type "pmlctl bench -p wrap-black -n 5 -- ~/.local/bin/black --version" "MEDIAN" "times as fast"
type "pmlctl status wrap-black" "warm since" "Preload: black" "black -q /tmp/newcomer.py"
type "journalctl --user -u pml@wrap-black --no-pager -o cat | head -n 6" "the pool is warm" "exited with status 0: $HOME/.local/bin/black -q /tmp/newcomer.py"
type "pmlctl doctor wrap-black" "the service is warm"
type "pmlctl unwrap black" "black is as it was"
type "hash -r; black --version" "black"
type "./install.sh --uninstall" "Removed pml from"
rm -f /tmp/newcomer.out /tmp/newcomer.py
after=$(state)
left=$(diff <(printf '%s\n' "$before") <(printf '%s\n' "$after")) || { echo "LEFT BEHIND OR LOST:"; echo "$left"; failed=$((failed + 1)); }
exit "$failed"
