#!/bin/bash
# Builds the Debian package from what is committed, in a folder of its own, and lets lintian look at
# it: errors and warnings fail.   tests/package/run.sh [FOLDER for the packages]
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
for tool in dpkg-buildpackage lintian dh; do
  command -v "$tool" >/dev/null || { echo "run.sh: $tool is missing (apt-get install dpkg-dev lintian debhelper)" >&2; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/pml"
git archive HEAD | tar -x -C "$work/pml"
cd "$work/pml"
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-parallel=2}"
dpkg-buildpackage -b -us -uc >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; exit 1; }
cd "$work"
lintian --allow-root --fail-on error,warning ./*.changes
dpkg-deb --contents pml_*.deb | awk '{ print $6 }' >contents
for path in usr/bin/pml usr/bin/pmlctl usr/bin/pmld usr/libexec/pml/pml-cold usr/lib/systemd/user/pml@.socket \
  usr/lib/systemd/user/pml@.service usr/lib/systemd/catalog/pml.catalog usr/share/pml/profiles/default.toml \
  usr/share/man/man1/pmlctl.1.gz usr/share/bash-completion/completions/pmlctl; do
  grep -qxF "./$path" contents || { echo "run.sh: the package has no /$path" >&2; exit 1; }
done
[ $# -eq 0 ] || cp ./*.deb "$1"
echo "The package builds, and lintian has nothing to say."
