#!/bin/bash
# The life of pml on a new user's machine, in a clone of their own: install, make black warm, edit a profile, a virtual
# environment, update while a program runs detached, a second user, take it away. Prints what is typed and what comes. Needs
# a booted systemd, a user manager and sudo; changes this machine (a fresh one is best). The exit status is the number of
# things that were not as they should be.
set -uo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
failed=0
out=$(mktemp) work=$(mktemp -d)
export PAGER=cat PML_QUIET=1

type() { # COMMAND [TEXT that has to come; !TEXT must not]…
  printf '$ %s\n' "$1"
  eval "$1" >"$out" 2>&1
  status=$?
  cat "$out"
  shift
  local text
  for text in "$@"; do
    if [ "${text:0:1}" = '!' ]; then
      if grep -qF -- "${text:1}" "$out"; then echo "SHOULD NOT BE THERE: ${text:1}"; failed=$((failed + 1)); fi
    else
      grep -qF -- "$text" "$out" || { echo "MISSING: $text"; failed=$((failed + 1)); }
    fi
  done
}

must() { # TEXT COMMAND…: has to succeed
  local what=$1
  shift
  "$@" >/dev/null 2>&1 || { echo "NOT SO: $what"; failed=$((failed + 1)); }
}

# What is there, apart from the clone and from what black and the session keep for themselves.
state() {
  { find ~ -path "$PWD" -prune -o -path ~/.cache -prune -o -print; find /usr/local -not -path '/usr/local/lib/python3*'; find "$XDG_RUNTIME_DIR/pml" 2>/dev/null; } | sort
}

sockets() { systemctl --user list-units --plain --no-legend --state=active 'pml@*.socket' | awk '{print $1}' | sort; }

before=$(state)
type "./install.sh" "Hello from a warm interpreter." "cold, python3:" "warm, pml:" 'export PATH='
must "nothing in /usr/local/bin leads into a home" sh -c '! find /usr/local/bin -lname "/home/*" | grep .'
type 'export PATH="$HOME/.local/bin:$PATH"; hash -r'
type "pml -c 'print(6*7)'" 42
if command -v man >/dev/null; then must "man finds pml" man -w pml; fi
type "pmlctl" "default" "listening" "active"
type "systemctl --user is-enabled pml@default.socket pml@default.service" "enabled" "!disabled"
type "systemctl --user help pml@default 2>&1 | head -n 4" "!Documentation" "!not known"

type "sudo apt-get install -y -q black >/dev/null"
type "pmlctl adopt black" "black: the same cold and warm"
type "hash -r; echo 'x = {  1:2 }' > $work/newcomer.py"
type "PML_TRACE=1 black -q $work/newcomer.py && cat $work/newcomer.py" "started" "x = {1: 2}"
type "pmlctl bench -n 5 -- ~/.local/bin/black --version" "MEDIAN" "times as fast"
type "pmlctl bench nofile.py" "the program fails"
type "pmlctl status" "warm since" "black -q $work/newcomer.py"
type "pmlctl programs" "black" "adopted"
type "pmlctl logs --no-pager | head -n 6" "the pool is warm"
type "pmlctl doctor" "the service is warm" "!✗"

printf '#!/bin/sh\nprintf "[pool]\\nworkers = 2\\n" >"$1"\n' >"$work/editor"; chmod +x "$work/editor"
type "EDITOR=$work/editor pmlctl edit default" "runs with it"
type "pmlctl show default | grep workers" "workers = 2"
echo '[job]' >> ~/.config/pml/profiles/default.toml.d/50-own.toml
type "pmlctl status default" "was edited since the pool was made: pmlctl reload default"
type "pmlctl reload && pmlctl status default" "!was edited"
type "pmlctl stauts" 'did you mean "status"?'
type "pmlctl status defualt" 'did you mean "default"?'

type "sudo apt-get install -y -q python3-venv >/dev/null; python3 -m venv --without-pip $work/.venv"
echo 'only = "in the environment"' > "$(echo "$work"/.venv/lib/python3*/site-packages)/only_there.py"
type "VIRTUAL_ENV=$work/.venv pml -c 'import only_there; print(only_there.only)'" "in the environment" "!ModuleNotFoundError"
type "for i in 1 2; do VIRTUAL_ENV=$work/.venv pml -c pass; done; timeout 60 sh -c 'until pmlctl list | grep -q venv-.*listening; do sleep .2; done'; pmlctl profile list" "pmlctl learn"
type "VIRTUAL_ENV=$work/.venv PML_TRACE=1 pml --wait -c 'import only_there; print(only_there.only)'" "in the environment" "started"
type "pmlctl profile new --venv $work/.venv" "Written to"
type "VIRTUAL_ENV=$work/.venv PML_TRACE=1 pml -c 'import only_there; print(only_there.only)'" "in the environment" "started"
type "pmlctl profile list" "pmlctl profile new"

type "pmlctl enable qt sci"
listening=$(sockets)
type "pml --detach -c 'import time; time.sleep(10000)'; sleep 1; pmlctl jobs default" "time.sleep(10000)"
detached=$(pmlctl --json jobs default | grep -o '"job":"[0-9]*' | head -n 1 | cut -d'"' -f4)
type "./install.sh" "The pool default is left alone while programs run in it" "Hello from a warm interpreter."
must "the detached program runs on through an update" kill -0 "$detached"
must "every socket is there after an update" [ "$(sockets)" = "$listening" ]
type "pmlctl status default" "pml was updated"
type "pmlctl kill $detached KILL; sleep 4; pmlctl status default" "!pml was updated"

type "sudo useradd -m second; sudo loginctl enable-linger second; sleep 2"
type "sudo -u second env XDG_RUNTIME_DIR=/run/user/\$(id -u second) sh -c 'command -v pml'" "!pml"
must "no second user can change what another runs" sh -c '! find /usr/local/bin /usr/bin -name "pml*" -user "$(id -un)" | grep .'

type "pml --detach -c 'import time; time.sleep(10000)'; sleep 1; ./install.sh --uninstall </dev/null" "programs run in pools and would be ended" "--yes"
must "nothing was taken away unasked" pml -c pass
must "black is warm until then" test -e ~/.local/bin/black
type "./install.sh --uninstall --yes" "Removed pml from" "Kept, because you wrote it: $HOME/.config/pml/profiles/default.toml.d"
rm -r ~/.config/pml ~/.config/systemd/user ~/.config/systemd ~/.config "$work" "$out" 2>/dev/null
type "hash -r; black --version" "black"
sudo userdel -r second 2>/dev/null
after=$(state)
left=$(diff <(printf '%s\n' "$before") <(printf '%s\n' "$after")) || { echo "LEFT BEHIND OR LOST:"; echo "$left"; failed=$((failed + 1)); }
exit "$failed"
