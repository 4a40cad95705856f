"""Shipped profiles and what people preload: no module that jobs share is another than python3 imports.

Takes long, so it runs with PML_TEST_SETS set only. Of large sets every so many modules are looked at; with PML_TEST_ALL set, all. The programs under test are those of
$PML_TEST_PREFIX, /usr/local where that is not set.
"""

import json
import os
import pathlib
import re
import subprocess

import pytest

from test_standalone import BIN, until
from trial_test import serve, service, status  # noqa: F401: a fixture
from verify_test import ask

PMLCTL = str(BIN / "pmlctl")
PROFILES = pathlib.Path(__file__).parents[2] / "config/profiles"
SETS = ["requests", "setuptools", "pytest", "mypy.main", "click", "rich.console", "attr", "jinja2", "yaml", "pandas", "scipy.linalg",
        "matplotlib.figure", "sklearn.linear_model", "gi", "PyQt5.QtWidgets", "PySide2.QtWidgets", "cryptography.fernet", "torch"]
MOST = 25
pytestmark = pytest.mark.skipif("PML_TEST_SETS" not in os.environ, reason="takes long: set PML_TEST_SETS")


def installed(module):
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module.split('.')[0]!r}) is None)"
    return subprocess.run(["/usr/bin/python3", "-c", code]).returncode == 0


def verify(service, modules):  # noqa: F811
    """Those that are found to differ. What no import finds, as what Cython makes for itself, is not looked at."""
    done = subprocess.run([PMLCTL, "--json", "verify", "drawn", *modules], env=service.environment, capture_output=True, text=True, timeout=3000)
    if found := re.search(r"cannot import (\S+)", done.stderr):
        return verify(service, [module for module in modules if module != found[1]])
    assert done.returncode in (0, 1), done.stderr
    return {row["module"]: row["differences"] for row in json.loads(done.stdout) if row["differences"]}


def some(modules):
    step = 1 if os.environ.get("PML_TEST_ALL") else max(1, len(modules) // MOST)
    return modules[::step]


def assert_nothing_differs(service):  # noqa: F811
    """What differs is found, and then nothing that differs is shared."""
    found = {}
    for _ in range(4):
        generation = status(service)["generation"]
        modules = [line for line in ask(service, "modules") if line]
        found = verify(service, modules if found else some(modules))  # where there is one, there may be more of its kind
        if not found:
            return
        print(json.dumps(found, indent=1))
        until(lambda: status(service)["generation"] != generation and status(service)["state"] == "warm" and "activity" not in status(service), 240)
    pytest.fail(f"modules that differ are shared all the same: {found}")


@pytest.mark.parametrize("module", SETS)
def test_no_module_of_a_set_that_is_shared_differs(service, module):  # noqa: F811
    if not installed(module):
        pytest.skip(f"{module} is not installed")
    serve(service, module)
    assert_nothing_differs(service)


@pytest.mark.parametrize("profile", sorted(path.stem for path in PROFILES.glob("*.toml")))
def test_a_shipped_profile_shares_nothing_that_differs(service, profile):  # noqa: F811
    text = (PROFILES / f"{profile}.toml").read_text()
    folder = service.folder / "config/pml/profiles"
    folder.mkdir(parents=True)
    (folder / "drawn.toml").write_text(text)
    service.environment["XDG_CONFIG_HOME"] = str(service.folder / "config")
    service.socket = service.folder / "pml" / "drawn.sock"
    service.start("--profile", "drawn")
    until(lambda: status(service).get("state") == "warm", 240)
    assert verify(service, some([line for line in ask(service, "modules") if line])) == {}
