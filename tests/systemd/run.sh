#!/bin/bash
# Runs the tests of this folder on the real thing: a systemd user manager and a journal of their own,
# in a mount namespace and a control group of their own. Needs root or sudo, not a booted systemd.
#
#   run.sh PREFIX [pytest's words …]     PREFIX: where pml is installed
#
# Exit status 77: such a place cannot be made here (never where CI=true: then it is a failure).
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

cannot() {
  echo "tests/systemd: cannot run here: $*" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 77
}

# The folder of this process's control group, where systemd would look for it.
control_group() {
  local path=
  [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || path=$(sed -n 's/^[0-9]*:name=systemd://p' /proc/self/cgroup)
  if [ -n "$path" ]; then echo "/sys/fs/cgroup/systemd${path%/}"; return; fi
  echo "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup | sed 's,/$,,')"
}

enter() {
  local own status=0
  own=$(control_group)/pml-tests.$$
  if mkdir "$own" 2>/dev/null; then
    (echo "$BASHPID" >"$own/cgroup.procs") 2>/dev/null || { rmdir "$own"; own=; }
  else
    own=
  fi
  # Some containers give a root shell inheritable capabilities, which neither a login nor a service has.
  PML_TESTS_CGROUP=$own unshare --mount --propagation private setpriv --inh-caps=-all "$BASH" "$here/run.sh" --inside "$@" || status=$?
  if [ -n "$own" ]; then find "$own" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
  exit "$status"
}

prepare_run() {
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/systemd/system /run/systemd/journal /run/log /run/lock /run/user/0/config/systemd/user /run/user/0/config/pml/profiles
  chmod 0700 /run/user/0
  local unit
  for unit in "$prefix"/lib/systemd/user/pml@.*; do ln -s "$unit" /run/user/0/config/systemd/user/; done
}

wait_for() { # PATH: until it is there, at most ten seconds
  local i
  for i in $(seq 1000); do [ -e "$1" ] && return; sleep 0.01; done
  cannot "$1 did not appear"
}

inside() {
  prefix=$1
  shift
  if [ -n "${PML_TESTS_CGROUP:-}" ]; then echo $$ >"$PML_TESTS_CGROUP/cgroup.procs"; fi
  prepare_run || cannot "no private /run"
  local variables=(PATH="$prefix/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" HOME=/run/user/0 USER=root LOGNAME=root LANG=C.UTF-8 TERM=dumb
    XDG_RUNTIME_DIR=/run/user/0 XDG_CONFIG_HOME=/run/user/0/config DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/0/bus)
  # The sanitized build is told its options and the module that a plain python3 can load.
  local name
  for name in PML_MODULE_DIR ASAN_OPTIONS UBSAN_OPTIONS; do
    if [ -n "${!name:-}" ]; then variables+=("$name=${!name}"); fi
  done
  /lib/systemd/systemd-journald </dev/null >/dev/null 2>&1 &
  wait_for /run/systemd/journal/socket
  env -i "${variables[@]}" /lib/systemd/systemd --user </dev/null >/run/manager.log 2>&1 &
  local manager=$!
  wait_for /run/user/0/systemd/private
  env -i "${variables[@]}" systemctl --user is-system-running --wait >/dev/null || true
  local status=0
  env -i "${variables[@]}" PML_TEST_PREFIX="$prefix" CI="${CI:-}" \
    /usr/bin/python3 -B -m pytest -p no:cacheprovider "$here" "$@" || status=$?
  env -i "${variables[@]}" systemctl --user exit || true
  wait "$manager" || true
  kill %1
  exit "$status"
}

if [ "${1:-}" = --inside ]; then shift; inside "$@"; fi
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 64; }
prefix=$(readlink -f "$1")
shift
if [ "$(id -u)" != 0 ]; then
  sudo -n true 2>/dev/null || cannot "neither root nor sudo"
  exec sudo --preserve-env=CI,PML_MODULE_DIR,ASAN_OPTIONS,UBSAN_OPTIONS "$BASH" "$here/run.sh" "$prefix" "$@"
fi
[ -x /lib/systemd/systemd ] && [ -x /lib/systemd/systemd-journald ] || cannot "no systemd"
unshare --mount true 2>/dev/null || cannot "no mount namespaces"
enter "$prefix" "$@"
