#!/bin/bash
# Builds the Debian package from what is committed, in a folder of its own, lets lintian look at it
# (errors and warnings fail), and installs, upgrades, removes and purges it in a scratch root: what
# this machine has, with a layer over it that is thrown away. Needs root or sudo.
#
#   run.sh [FOLDER for the packages]
#
# Prints "ok NAME" or "not ok NAME" for each step; the exit status is the number of those that failed.
# 77: it cannot be tried here (never where CI=true: then it is a failure).
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$here/../.."

cannot() {
  echo "tests/package: cannot run here: $*" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 77
}

if [ "$(id -u)" != 0 ]; then
  sudo -n true 2>/dev/null || cannot "neither root nor sudo"
  exec sudo --preserve-env=CI "$BASH" "$here/run.sh" "$@"
fi
command -v apt-get >/dev/null || cannot "this is no Debian"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
work=$(mktemp -d /var/tmp/pml-package.XXXXXX)
trap 'rm -rf "$work"' EXIT
failed=0

step() { # NAME COMMAND…: with the end of its output where it fails
  local name=$1
  shift
  if ("$@") >"$work/step.log" 2>&1; then
    echo "ok $name"
  else
    echo "not ok $name"
    tail -n 30 "$work/step.log" | sed 's/^/    /'
    failed=$((failed + 1))
  fi
}

build_dependencies() {
  cd "$work/pml"
  apt_get() { apt-get -o DPkg::Lock::Timeout=300 -q -y --no-install-recommends "$@"; }
  apt_get build-dep . && apt_get install dpkg-dev lintian ||
    { apt-get -q update && apt_get build-dep . && apt_get install dpkg-dev lintian; }
}

build_package() {
  cd "$work/pml"
  DEB_BUILD_OPTIONS=${DEB_BUILD_OPTIONS:-parallel=$(nproc)} dpkg-buildpackage -b -us -uc
}

lint_package() {
  cd "$work"
  local said
  said=$(lintian --allow-root --fail-on error,warning ./*.changes 2>&1) || { echo "$said"; return 1; }
  # Nothing but what is wanted is hidden by an override.
  echo "$said"
}

holds_all() {
  local path
  dpkg-deb --contents "$work"/pml_*.deb | awk '{ print $6 }' >"$work/contents"
  for path in usr/bin/{pml,pmlctl,pmld,python-module-launcher} usr/libexec/pml/pml-cold \
    usr/lib/systemd/user/pml@.{socket,service} usr/lib/systemd/catalog/pml.catalog \
    usr/share/pml/profiles/{default,qt,sci}.toml usr/share/pml/quirks \
    usr/share/man/man1/pml{,ctl}.1.gz usr/share/man/man5/pml.toml.5.gz usr/share/man/man7/pml-protocol.7.gz \
    usr/share/man/man8/{pmld,pml@.service,pml@.socket,python-module-launcher}.8.gz \
    usr/share/bash-completion/completions/pml{,ctl} usr/share/zsh/vendor-completions/_pml{,ctl} \
    usr/share/fish/vendor_completions.d/pml{,ctl}.fish usr/share/doc/pml/examples/pml-notes.{py,desktop}; do
    grep -qxF "./$path" "$work/contents" || { echo "the package has no /$path"; return 1; }
  done
}

# The same package as of a later version, for the upgrade.
make_successor() {
  dpkg-deb -R "$work"/pml_*.deb "$work/next"
  sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
  dpkg-deb --root-owner-group -b "$work/next" "$work/next.deb"
}

make_scratch_root() {
  mkdir "$work/layer"
  mount -t tmpfs tmpfs "$work/layer"
  mkdir "$work/layer/upper" "$work/layer/work" "$work/root"
  mount -t overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" overlay "$work/root"
  mount --rbind /dev "$work/root/dev"
  mount -t proc proc "$work/root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$work/root/run"
  mkdir -p "$work/root/run/lock"
  cp "$work"/pml_*.deb "$work/root/run/pml.deb"
  cp "$work/next.deb" "$work/root/run/next.deb"
  cp "$here/in_scratch_root.sh" "$work/root/run/"
}

in_scratch_root() {
  make_scratch_root >"$work/step.log" 2>&1 || { cat "$work/step.log" >&2; return 77; }
  chroot "$work/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    HOME=/root /bin/bash /run/in_scratch_root.sh
}

if [ "${1:-}" = --in-namespace ]; then # WORK: of the caller, who cleans up
  trap - EXIT
  rm -rf "$work"
  work=$2
  in_scratch_root
  exit
fi

mkdir "$work/pml"
git -c safe.directory='*' archive HEAD | tar -x -C "$work/pml"
step "what the build needs can be installed" build_dependencies
[ "$failed" = 0 ] || exit 1
step "dpkg-buildpackage -b" build_package
[ "$failed" = 0 ] || exit 1
step "lintian finds no error and no warning" lint_package
step "everything is in the package" holds_all
step "a later version can be made" make_successor
status=0
unshare --mount --propagation private "$BASH" "$here/run.sh" --in-namespace "$work" || status=$?
[ "$status" != 77 ] || cannot "no scratch root"
failed=$((failed + status))
[ $# -eq 0 ] || cp "$work"/*.deb "$1"
exit "$failed"
