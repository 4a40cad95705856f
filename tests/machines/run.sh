#!/bin/bash
# Another Debian: a minimal system of its own, made by debootstrap and kept for the next time, in which ./test.sh runs
# as root, with that release's python3, compiler and systemd.
#
#   run.sh SUITE [PART …]      SUITE: trixie, forky, …; PART: what test.sh is told, everything that runs there by default
#   run.sh SUITE -c COMMAND    runs the command there, in a copy of the sources as they are
#
# PML_MACHINES    where the systems are kept (/var/tmp/pml-machines)
# CI, PML_TEST_EVERY, PML_TEST_WHOLE, PML_TEST_OPTIONS  passed on
#
# The last line is that of test.sh. 77: it cannot be tried here; the last line says why.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
suite=$1
shift
home=${PML_MACHINES:-/var/tmp/pml-machines} base=${PML_MACHINES:-/var/tmp/pml-machines}/$suite
# Beside what the tests need, where the release has it.
more=(ccache python3.15 python3.15-dev)

cannot() {
  echo "tests/machines: $suite cannot run here: $*" >&2
  exit 77
}

# debootstrap's exit status says little: its log is shown.
make_base() {
  local mirror
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n 's,^URIs: *\(http[^ ]*\).*,\1,p; s,^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*,\2,p' | grep -v security | head -n 1) || true
  mirror=${mirror:-http://deb.debian.org/debian}
  command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap >"$base.log" 2>&1 ||
    cannot "no debootstrap"
  local script=
  [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=/usr/share/debootstrap/scripts/sid  # newer than debootstrap
  rm -rf "$base.new"
  # A release younger than this one is signed by keys that are not here.
  timeout 900 debootstrap --no-check-gpg --variant=minbase --include=systemd,systemd-sysv,dbus,dbus-user-session,ca-certificates,procps,git,sudo \
    "$suite" "$base.new" "$mirror" $script >"$base.log" 2>&1 || cannot "debootstrap failed: $(tail -n 1 "$base.log")"
  cp -a /etc/apt/apt.conf.d/. "$base.new/etc/apt/apt.conf.d/" 2>/dev/null || true
  rm -f "$base.new"/etc/apt/apt.conf.d/*{packagekit,appstream,listchanges}* "$base.new"/etc/apt/apt.conf.d/20apt-show*
  echo "deb [trusted=yes] $mirror $suite main" >"$base.new/etc/apt/sources.list"
  echo 'Acquire::Retries "3";' >"$base.new/etc/apt/apt.conf.d/80retries"
  cp -a /etc/ssl/certs/. "$base.new/etc/ssl/certs/"
  touch "$base.new/etc/pml-machine"
  mv "$base.new" "$base"
}

# What is committed and what is not, without what was built. Ninja goes by the times: what is as it was keeps its own, what
# has changed since the last build there is new, however old it is here.
copy_sources() {
  local fresh=$base/srv/pml.new old=$base/srv/pml
  rm -rf "$fresh"
  mkdir -p "$fresh" "$old"
  (cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf -) | tar -C "$fresh" -xmf -
  (cd "$fresh" && find . -type f -exec "$BASH" -c 'for file; do ! cmp -s "$file" "$0/$file" || touch -r "$0/$file" "$file"; done' "$old" {} +)
  find "$old" -mindepth 1 -maxdepth 1 ! -name 'build-*' -exec rm -rf {} +
  find "$fresh" -mindepth 1 -maxdepth 1 -exec mv -t "$old" {} +
  rmdir "$fresh"
}

inside() { # COMMAND: in the system, in namespaces that end with it
  cp -L /etc/resolv.conf "$base/etc/resolv.conf" 2>/dev/null || true
  # The new root is a mount of its own, so that there can be namespaces within. A new systemd knows no legacy control groups.
  unshare --mount --pid --fork --kill-child "$BASH" -c '
    mount --make-rprivate / && mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && mount --rbind /dev "$0/dev" &&
      mount -t tmpfs tmpfs "$0/run" && mount -t tmpfs tmpfs "$0/tmp" || exit 77
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup" || exit 77
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive \
      CI="${CI:-}" PML_TEST_EVERY="${PML_TEST_EVERY:-}" PML_TEST_WHOLE="${PML_TEST_WHOLE:-}" \
      PML_TEST_OPTIONS="${PML_TEST_OPTIONS:-}" chroot "$0" /bin/bash -c "$1"' "$base" "$1"
}

prepare() {
  [ "$(id -u)" = 0 ] || cannot "it takes root"
  unshare --mount --pid --fork true 2>/dev/null || cannot "no namespaces"
  mkdir -p "$home" 2>/dev/null || cannot "no folder $home"
  [ -e "$base" ] || make_base
  copy_sources
  inside true >"$base.log" 2>&1 || cannot "nothing can be mounted there: $(tail -n 1 "$base.log")"
  # A release that moves is not what it was when the system was made.
  inside "apt-get update && apt-get -y full-upgrade && cd /srv/pml && ./test.sh packages" >"$base.log" 2>&1 || cannot "no packages: $(tail -n 1 "$base.log")"
  local package
  for package in "${more[@]}"; do
    inside "apt-get install -y --no-install-recommends $package" >>"$base.log" 2>&1 || true
  done
}

prepare
command="./test.sh $*"
[ "${1:-}" != -c ] || command=$2
inside "cd /srv/pml && $command"
exit
