"""[job] cgroup = "scope": programs that outlive the service that started them."""

import pytest

from conftest import RUNTIME, systemctl, until


@pytest.fixture
def scoped(pool):
    pool.write('[job]\ncgroup = "scope"\n')
    pool.start()
    return pool


def scopes():
    shown = systemctl("list-units", "--plain", "--no-legend", "app-pml-*.scope").stdout
    return [line.split()[0] for line in shown.splitlines()]


def test_a_job_in_its_own_scope_outlives_the_service(scoped, tmp_path):
    if not (RUNTIME / "bus").exists():
        pytest.skip("there is no user bus")
    go = tmp_path / "go"
    code = f"import os, sys, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)\nprint('done')\nsys.exit(5)"
    job = scoped.popen("-c", code)
    (name,) = until(scopes)
    assert name.startswith(f"app-pml-{scoped.name}-")
    scoped.stop()
    assert scopes() == [name]
    go.touch()
    assert job.communicate(timeout=10)[0] == "done\n"
    assert job.returncode == 5
    until(lambda: not scopes())
