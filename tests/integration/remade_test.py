"""A pool that is made anew by itself, because callers are turned away that another pool would serve.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import os
import pwd
import subprocess

import pytest

from test_standalone import until
from trial_test import VARIABLE, build, not_shared, serve, service, values  # noqa: F401 (a fixture)


def warm_with(service, **variables):
    """Whether a program with these variables is run by a worker."""
    service.environment.update(variables)
    done = service.run("-c", "import json; print(json.__name__)")
    return done.stdout == "json\n"


def test_the_pool_follows_callers_that_agree_on_a_variable(service):
    build(service.modules, "level", VARIABLE)
    serve(service, "level", "json")
    assert not warm_with(service, MY_LEVEL="7")
    until(lambda: warm_with(service, MY_LEVEL="7"))
    assert values(service, "import level; print(level.value())", 1) == {"7\n"}
    assert not_shared(service) == []


def test_a_module_that_callers_do_not_agree_on_is_not_shared(service):
    build(service.modules, "level", VARIABLE)
    serve(service, "level", "json")
    numbers = iter(range(10, 1000))
    until(lambda: warm_with(service, MY_LEVEL=str(next(numbers))))
    assert not_shared(service) == ["level a job would not find what python3 does: it reads MY_LEVEL, which programs differ in"]
    for number in ("3", "4"):
        service.environment["MY_LEVEL"] = number
        assert values(service, "import level; print(level.value())", 1) == {number + "\n"}


def test_a_user_site_folder_that_comes_is_noticed(service):
    service.environment["HOME"] = str(service.folder / "home")
    (service.folder / "home").mkdir()
    serve(service, "json")
    code = "import site; print(site.getusersitepackages())"
    folder = subprocess.run(["/usr/bin/python3", "-c", code], env=service.environment, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["mkdir", "-p", folder], check=True)
    with open(f"{folder}/mine.py", "w") as file:
        file.write("x = 6 * 7\n")
    until(lambda: service.run("-c", "import mine, json; print(mine.x)").stdout == "42\n")


def cold_and_warm(service, code, **variables):
    environment = {"LANG": "C.UTF-8", **variables}
    cold = subprocess.run(["/usr/bin/python3", "-c", code], env=environment, cwd=service.folder, capture_output=True, text=True)
    service.environment = {**environment, "XDG_RUNTIME_DIR": service.environment["XDG_RUNTIME_DIR"], "XDG_CONFIG_HOME": service.environment["XDG_CONFIG_HOME"]}
    warm = service.run("-c", f"import os\nfor n in ('XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME'): del os.environ[n]\n{code}")
    return (cold.returncode, cold.stdout, cold.stderr), (warm.returncode, warm.stdout, warm.stderr)


def test_a_caller_without_home_finds_what_python3_finds(service):
    (service.modules / "expander.py").write_text("import os\nhome = os.path.expanduser('~/x')\n")
    build(service.modules, "after", "number = 5; Py_XDECREF(PyImport_ImportModule(\"expander\"))")
    service.environment["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
    serve(service, "after", "json")
    code = "import os, sys; print(list(sys.modules), os.path.expanduser('~'))"
    cold, warm = cold_and_warm(service, code)
    assert warm == cold and "'pwd'" in cold[1]
    assert values(service, "import expander; print(expander.home)", 1) == {os.path.expanduser("~/x") + "\n"}
    service.environment["HOME"] = "/nowhere"
    assert service.run("-c", "pass").returncode != 0


def test_callers_that_find_the_same_program_are_served(service):
    (service.modules / "runner.py").write_text("import shutil, subprocess\nmachine = subprocess.run(['uname', '-m'], capture_output=True, text=True).stdout\nplace = shutil.which('uname')\n")
    build(service.modules, "after", "number = 5; Py_XDECREF(PyImport_ImportModule(\"runner\"))")
    service.environment["PATH"] = "/nowhere:/usr/bin:/bin"
    serve(service, "after", "json")
    assert not_shared(service) == []
    service.environment["PATH"] = "/usr/bin:/bin:/elsewhere"
    assert values(service, "import runner; print(runner.place)", 1) == {"/usr/bin/uname\n"}
    other = service.folder / "bin"
    other.mkdir()
    (other / "uname").write_text("#!/bin/sh\necho mine\n")
    (other / "uname").chmod(0o755)
    service.environment["PATH"] = f"{other}:/usr/bin:/bin"
    assert service.run("-c", "pass").returncode != 0


@pytest.mark.skipif(not os.path.exists("/usr/lib/python3/dist-packages/numexpr"), reason="numexpr is not installed")
def test_threads_that_a_quirk_knows_are_begun_in_each_job(service):
    serve(service, "numexpr", "json")
    code = "import os, numexpr; print(numexpr.get_num_threads(), len(os.listdir('/proc/self/task')), numexpr.evaluate('1 + 2'))"
    cold, warm = cold_and_warm(service, code)
    assert warm == cold and cold[0] == 0
    words = service.ask("status")
    assert "quarantined" not in words and "failed-preload" not in words, words
