"""What compiled code asks and draws when a preload is imported: the first run of a pool's preloads under observation.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import json
import pathlib
import subprocess

import pytest

from test_standalone import PML, Service, until

EXTENSION = """
#include <Python.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>
static long long number;
static PyObject *value(PyObject *self, PyObject *none) { return PyLong_FromLongLong(number); }
static PyMethodDef methods[] = {{"value", value, METH_NOARGS, 0}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "NAME", 0, -1, methods};
PyMODINIT_FUNC PyInit_NAME(void) { ASK; return PyModule_Create(&definition); }
"""
GETRANDOM = "if (getrandom(&number, sizeof number, 0) < 0) abort()"
SYSCALL = "if (syscall(SYS_getrandom, &number, sizeof number, 0) < 0) abort()"
ENTROPY = "if (getentropy(&number, sizeof number) < 0) abort()"
DEVICE = 'int f = open("/dev/urandom", O_RDONLY); if (read(f, &number, sizeof number) < 0) abort(); close(f)'
SEED = "unsigned s; if (syscall(SYS_getrandom, &s, sizeof s, 0) < 0) abort(); srand(s); number = rand()"
STREAM = 'FILE *f = fopen("/dev/urandom", "r"); if (fread(&number, sizeof number, 1, f) != 1) abort(); fclose(f)'
VARIABLE = 'const char *t = getenv("MY_LEVEL"); number = t ? atoi(t) : -1'


def build(folder, name, ask):
    source = folder / f"{name}.c"
    source.write_text(EXTENSION.replace("NAME", name).replace("ASK", ask))
    include = subprocess.run(["/usr/bin/python3", "-c", "import sysconfig; print(sysconfig.get_path('include'), sysconfig.get_config_var('EXT_SUFFIX'))"],
                             check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["cc", "-shared", "-fPIC", "-I", include[0], "-o", folder / (name + include[1]), source], check=True)


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    made.environment["XDG_STATE_HOME"] = str(tmp_path / "state")
    made.modules = tmp_path / "modules"
    made.modules.mkdir()
    yield made
    made.end()


def serve(service, *modules):
    """A pool of a profile, whose path holds what the test has built."""
    profiles = service.folder / "config/pml/profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    (profiles / "drawn.toml").write_text(
        f'[python]\ninterpreter = "/usr/bin/python3"\npath = ["{service.modules}"]\n[preload]\nmodules = {list(modules)}\n')
    service.environment["XDG_CONFIG_HOME"] = str(service.folder / "config")
    service.socket = service.folder / "pml" / "drawn.sock"
    service.start("--profile", "drawn")
    until(lambda: status(service).get("state") == "warm", 240)
    until(service.serves)


def status(service):
    try:
        return service.status()
    except OSError:
        return {}


def values(service, code, count=4):
    done = [service.run("-c", code) for _ in range(count)]
    assert all(one.returncode == 0 for one in done), done[0].stderr
    return {one.stdout for one in done}


def not_shared(service):
    import socket
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(service.socket))
        peer.sendall(b"status\n")
        text = b""
        while data := peer.recv(65536):
            text += data
    return [line.removeprefix("not-shared ") for line in text.decode().splitlines() if line.startswith("not-shared ")]


@pytest.mark.parametrize("ask", [GETRANDOM, SYSCALL, ENTROPY, DEVICE, STREAM, SEED], ids=["getrandom", "syscall", "getentropy", "device", "stream", "srand"])
def test_numbers_drawn_by_compiled_code_are_each_jobs_own(service, ask):
    build(service.modules, "drawer", ask)
    serve(service, "drawer", "json")
    assert len(values(service, "import drawer; print(drawer.value())")) == 4
    assert any(line.startswith("drawer ") for line in not_shared(service))
    assert service.run("-c", "import json; print(json.__name__)").stdout == "json\n"


def test_a_library_of_its_own_is_named(service):
    build(service.modules, "drawer", GETRANDOM)
    serve(service, "drawer")
    until(lambda: not_shared(service))
    assert "getrandom" in not_shared(service)[0] and "drawer." in not_shared(service)[0]


def test_what_needs_it_is_not_shared_either(service):
    build(service.modules, "drawer", GETRANDOM)
    (service.modules / "needy.py").write_text("import drawer\nvalue = drawer.value()\n")
    serve(service, "needy", "json")
    assert len(values(service, "import needy; print(needy.value)")) == 4


def test_python_that_reads_the_device_is_not_shared(service):
    (service.modules / "reader.py").write_text("value = open('/dev/urandom', 'rb').read(8).hex()\n")
    serve(service, "reader")
    assert len(values(service, "import reader; print(reader.value)")) == 4


def test_a_variable_read_by_compiled_code_is_the_callers(service):
    build(service.modules, "level", VARIABLE)
    serve(service, "level", "json")
    assert values(service, "import level; print(level.value())", 1) == {"-1\n"}
    service.environment["MY_LEVEL"] = "7"
    # The pool has a shared object that cannot be imported twice: python3 runs the program.
    done = subprocess.run([PML, "-p", "drawn", "-c", "import level; print(level.value())"], env=service.environment,
                          capture_output=True, text=True, timeout=30)
    assert done.stdout == "7\n", done.stderr


def test_the_result_is_kept_for_the_same_files_and_no_others(service):
    build(service.modules, "drawer", GETRANDOM)
    serve(service, "drawer", "json")
    kept = service.folder / "state/pml/preloads/drawn.json"
    first = json.loads(kept.read_text())
    assert first["observed"] and any(one[3] == "getrandom" for one in first["heard"])
    inode = kept.stat().st_ino
    service.process.terminate()
    service.process.wait()
    serve(service, "drawer", "json")
    assert kept.stat().st_ino == inode
    assert len(values(service, "import drawer; print(drawer.value())")) == 4
    service.process.terminate()
    service.process.wait()
    build(service.modules, "drawer", "number = 5")
    serve(service, "drawer", "json")
    assert kept.stat().st_ino != inode
    assert values(service, "import drawer; print(drawer.value())") == {"5\n"}
    assert not_shared(service) == []


def test_no_job_has_a_trace_of_the_recorder(service):
    serve(service, "json")
    code = "import os; print([n for n in os.environ if 'PRELOAD' in n or 'RECORD' in n], 'recorder' in open('/proc/self/maps').read())"
    assert values(service, code, 1) == {"[] False\n"}


def test_without_a_recorder_the_pool_is_made_all_the_same(service):
    service.environment["PML_RECORDER_LIBRARY"] = str(service.folder / "nothing.so")
    serve(service, "json")
    assert service.run("-c", "import json; print(json.__name__)").stdout == "json\n"


@pytest.mark.skipif(not pathlib.Path("/usr/lib/python3/dist-packages/torch").exists(), reason="torch is not installed")
def test_torch_draws_other_numbers_in_each_job_and_stays_warm(service):
    serve(service, "torch")
    assert not_shared(service) == []
    assert len(values(service, "import torch; print(torch.randn(2))")) == 4
    seeds = values(service, "import torch; print(torch.initial_seed())")
    assert len(seeds) == 4
    # As cold: the same seed gives the same numbers.
    code = "import torch; torch.manual_seed(1); print(torch.randn(2))"
    cold = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True).stdout
    assert values(service, code) == {cold}
