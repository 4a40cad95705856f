#!/bin/bash
# Runs in the scratch root that run.sh makes, which has /run/pml.deb and /run/next.deb. Prints "ok NAME"
# or "not ok NAME" for each check; the exit status is the number of those that failed.
set -uo pipefail
failed=0

check() { # NAME COMMAND…
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "ok $name"
  else
    echo "not ok $name"
    printf '%s\n' "$said" | tail -n 20 | sed 's/^/    /'
    failed=$((failed + 1))
  fi
}

wait_for() { # SECONDS COMMAND…
  local end=$((SECONDS + $1))
  shift
  until "$@" 2>/dev/null; do
    [ "$SECONDS" -lt "$end" ] || { echo "waited in vain for: $*"; return 1; }
    sleep 0.05
  done
}

# What is there, apart from what dpkg and its triggers keep of every package.
files() {
  find / -xdev \( -path /run -o -path /proc -o -path /dev -o -path /sys -o -path /tmp -o -path /var/lib/dpkg -o -path /var/cache \
    -o -path /var/log -o -path /var/lib/systemd/catalog -o -path /var/lib/systemd/deb-systemd-user-helper-enabled \
    -o -path /var/tmp -o -path /root/.cache -o -path "*/.git" \) -prune -o -print | sort
}

pml() { XDG_RUNTIME_DIR=/run/user/0 timeout 600 /usr/bin/pml "$@"; }
warm() { [ "$(pml --no-fallback --wait -c 'print(6 * 7)')" = 42 ]; }

# A job that says when it runs, and ends well when it is told to.
start_job() {
  rm -f /run/job.*
  mkfifo /run/job.go
  (pml --no-fallback --wait -c 'open("/run/job.runs", "w"); open("/run/job.go").read(); print("done")' >/run/job.out 2>&1; echo $? >/run/job.status) >/dev/null 2>&1 &
  wait_for 20 test -e /run/job.runs
}
finish_job() {
  timeout 20 sh -c 'echo go >/run/job.go' || { echo "the job does not read any more"; cat /run/job.out /run/job.status; return 1; }
  wait_for 20 test -s /run/job.status
  [ "$(cat /run/job.out)" = "done" ] && [ "$(cat /run/job.status)" = 0 ]
}

start_pool() {
  install -d -m 0700 /run/user/0
  (cd / && XDG_RUNTIME_DIR=/run/user/0 XDG_STATE_HOME=/run/state exec pmld --profile default --daemonize --pidfile /run/pmld.pid </dev/null >/run/pmld.log 2>&1)
}
pool_runs() { [ -e /run/pmld.pid ] && kill -0 "$(cat /run/pmld.pid)"; }
stop_pool() {
  local pid
  pid=$(cat /run/pmld.pid)
  kill "$pid" && wait_for 20 sh -c "! kill -0 $pid"
}
is_next() { dpkg-query -W -f '${Version}' pml | grep -q '+next$'; }
no_differences() { diff /run/before /run/after; }

export PYTHONDONTWRITEBYTECODE=1
# Small images leave manual pages out.
sed -i '/^path-exclude/d' /etc/dpkg/dpkg.cfg.d/* 2>/dev/null
dpkg -s pml >/dev/null 2>&1 && dpkg --purge pml >/dev/null
install -d -m 0700 /run/user/0
files >/run/before
check "it installs" dpkg -i /run/pml.deb
check "the installed files are unchanged" dpkg --verify pml
check "the units are good" env XDG_RUNTIME_DIR=/run/user/0 systemd-analyze --user --man=no verify /usr/lib/systemd/user/pml@.{socket,service}
check "the profiles are good" pmlctl check
check "the manual pages are there" test -s /usr/share/man/man8/pml@.service.8.gz
check "a pool starts" start_pool
check "a program runs warm" warm
check "a job runs" start_job
check "it is upgraded meanwhile" dpkg -i /run/next.deb
check "to the later version" is_next
check "the pool still runs" pool_runs
check "the job ends as it should" finish_job
check "a program runs warm after the upgrade" warm
check "the pool is stopped" stop_pool
check "a new one starts" start_pool
check "and serves" warm
check "a job runs again" start_job
check "it is removed meanwhile" dpkg -r pml
check "this job, too, ends as it should" finish_job
check "the pool of the removed program is stopped" stop_pool
check "it is purged" dpkg --purge pml
files >/run/after
check "nothing stays behind" no_differences
check "nothing stays in the runtime folder" test -z "$(find /run/user/0 -type s)"
exit "$failed"
