#!/bin/bash
# Looks at the manual pages of an installation: manual.sh PREFIX. Prints "ok PAGE" or "not ok PAGE"; the
# exit status is the number of those that failed.
set -uo pipefail
failed=0
page_is_good() { # PAGE SECTION…
  local page=$1 section said
  shift
  [ -s "$page" ] || { echo "it is not there"; return 1; }
  said=$(mandoc -T lint "$page") || { echo "$said"; return 1; }
  for section in NAME SYNOPSIS DESCRIPTION "SEE ALSO" "$@"; do
    grep -qxF ".SH $section" "$page" || { echo "no section $section"; return 1; }
  done
  said=$(mandoc -T utf8 "$page") || return 1
  # Every page of pml's that is named exists.
  local name
  for name in $(grep -o 'pml[a-z@.-]*\(\\f[A-Z]\)*([1-9])' "$page" | sed 's/\\f[A-Z]//g; s/\\&//g' | sort -u); do
    name=${name%)}
    [ -e "$prefix/share/man/man${name##*(}/${name%(*}.${name##*(}" ] || { echo "it names $name), which is not there"; return 1; }
  done
}
check() {
  local said
  if said=$(page_is_good "$@"); then echo "ok ${1##*/}"; else echo "not ok ${1##*/}: $said"; failed=$((failed + 1)); fi
}

prefix=$1 man=$1/share/man
check "$man/man1/pml.1" OPTIONS "EXIT STATUS" ENVIRONMENT FILES EXAMPLES
check "$man/man1/pmlctl.1" VERBS OPTIONS "EXIT STATUS" ENVIRONMENT FILES EXAMPLES
check "$man/man5/pml.toml.5" KEYS ENVIRONMENT FILES EXAMPLES
check "$man/man7/pml-protocol.7" FILES
check "$man/man8/pmld.8" OPTIONS SIGNALS "EXIT STATUS" ENVIRONMENT FILES EXAMPLES
check "$man/man8/pml@.service.8" "EXIT STATUS" ENVIRONMENT FILES EXAMPLES
check "$man/man8/pml@.socket.8"
check "$man/man8/python-module-launcher.8"
exit "$failed"
