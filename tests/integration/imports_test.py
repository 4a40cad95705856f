"""What a preload's import brings where much else is preloaded before it.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import subprocess

import pytest

from failures_test import not_preloaded, profile, service  # noqa: F401
from test_standalone import PML

PYTHON = "/usr/bin/python3"

# As Cython's modules do it: a module without a file that all of them share, and imports in C.
EXTENSION = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "NAME", NULL, -1, NULL, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_NAME(void) {
  PyObject* made = PyImport_AddModule("made_in_c");
  if (!PyObject_HasAttrString(made, "Shared")) {
    PyObject* type = PyObject_CallFunction((PyObject*)&PyType_Type, "s(){}", "Shared");
    PyObject_SetAttrString(made, "Shared", type);
    Py_DECREF(type);
  }
  PyObject* module = PyModule_Create(&definition);
  PyObject* shared = PyObject_GetAttrString(made, "Shared");
  PyModule_AddObject(module, "Shared", shared);
  Py_XDECREF(PyImport_ImportModule("fractions"));
  return module;
}
"""

# As Shiboken does it: modules that only a finder finds which is gone afterwards.
BRINGER = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "fast", NULL, -1, NULL, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_fast(void) {
  if (PyRun_SimpleString(
      "import importlib.machinery, sys\\n"
      "class Own:\\n"
      "    def find_spec(self, name, path, target=None):\\n"
      "        return importlib.machinery.ModuleSpec(name, self) if name.startswith('brought') else None\\n"
      "    def create_module(self, spec): pass\\n"
      "    def exec_module(self, module):\\n"
      "        import bring\\n"
      "        module.__path__, module.number = [], 42\\n"
      "own = Own()\\n"
      "sys.meta_path.insert(0, own)\\n"
      "import brought.part\\n"
      "sys.meta_path.remove(own)\\n"
      "del own, Own, importlib, sys, brought\\n") != 0) return NULL;
  PyObject* made = PyModule_Create(&definition);
  PyObject* part = PyImport_ImportModule("brought.part");
  if (part == NULL) return NULL;
  PyModule_AddObject(made, "part", part);
  return made;
}
"""

# As Cython's modules are, which keep what they took from others where no program sees it.
TAKER = """
#include <Python.h>
static PyObject* error;
static PyObject* fail(PyObject* self, PyObject* none) {
  PyErr_SetString(error, "taken");
  return NULL;
}
static PyMethodDef functions[] = {{"fail", fail, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static int execute(PyObject* module) {
  PyObject* home = PyImport_ImportModule("lends");
  if (home == NULL) return -1;
  error = PyObject_GetAttrString(home, "Error");
  Py_DECREF(home);
  return PyModule_AddObject(module, "__test__", PyDict_New());
}
static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "NAME", NULL, 0, functions, slots, NULL, NULL, NULL};
static int made;
PyMODINIT_FUNC PyInit_NAME(void) {
  if (made++) return PyErr_Format(PyExc_ImportError, "made once a process"), NULL;
  return PyModuleDef_Init(&definition);
}
"""

# One that nothing tells from others, but that it needs no library.
PLAIN_TAKER = TAKER.replace('PyModule_AddObject(module, "__test__", PyDict_New())', "0")

LIST = "import sys; before = set(sys.modules); import {}; print([name for name in sys.modules if name not in before])"


def folder(service):  # noqa: F811
    """Not the jobs' current one: what lies there is imported from there, by python3."""
    return service.folder / "lib"


@pytest.fixture
def extensions(service):  # noqa: F811
    folder(service).mkdir()
    (folder(service) / "bring").mkdir()
    (folder(service) / "bring/__init__.py").write_text("from bring.fast import part\n")
    for name, text in (("first_in_c", EXTENSION), ("second_in_c", EXTENSION), ("holds_in_c", EXTENSION.replace("made_in_c", "holds_in_c.made")), ("bring/fast", BRINGER), ("takes_in_c", TAKER), ("takes_in_plain_c", PLAIN_TAKER)):
        source = folder(service) / f"{name}.c"
        source.write_text(text.replace("NAME", name))
        suffix = subprocess.run([PYTHON, "-c", "import sysconfig as s; print(s.get_config_var('EXT_SUFFIX'), s.get_path('include'))"],
                                capture_output=True, text=True, check=True).stdout.split()  # fmt: skip
        subprocess.run(["cc", "-shared", "-fPIC", "-I", suffix[1], source, "-o", folder(service) / (name + suffix[0])], check=True)
    return service


def cold(service, program):  # noqa: F811
    done = subprocess.run([PYTHON, "-B", "-c", program], env={**service.environment, "PYTHONPATH": str(folder(service))}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("what", ["second_in_c", "first_in_c", "first_in_c, second_in_c", "fractions, second_in_c"])
def test_an_extension_brings_what_it_imports_in_c(extensions, what):
    profile(extensions, "", keys='modules = ["fractions", "first_in_c", "second_in_c"]\n', path=folder(extensions))
    assert not not_preloaded(extensions)
    program = LIST.format(what)
    assert extensions.run("-c", program).stdout == cold(extensions, program)


def test_extensions_share_what_was_made_for_all(extensions):
    profile(extensions, "", keys='modules = ["first_in_c", "second_in_c"]\n', path=folder(extensions))
    program = "import second_in_c, first_in_c, sys; print(first_in_c.Shared is second_in_c.Shared, sys.modules['made_in_c'].Shared is first_in_c.Shared)"
    assert extensions.run("-c", program).stdout == cold(extensions, program) == "True True\n"


@pytest.mark.parametrize("before", ["sys.meta_path.insert(0, type('', (), {'find_spec': lambda *_: None})())", "sys.settrace(lambda *_: None)"])
def test_what_an_extension_puts_into_the_table_comes_with_it_when_it_is_imported_afresh(extensions, before):
    profile(extensions, "", keys='modules = ["holds_in_c"]\n', path=folder(extensions))
    program = f"import sys; {before}; import holds_in_c; print(holds_in_c.Shared is sys.modules['holds_in_c.made'].Shared, [name for name in sys.modules if '_in_c' in name])"
    assert extensions.run("-c", program).stdout == cold(extensions, program)


@pytest.mark.parametrize("name", ["takes_in_c", "takes_in_plain_c"])
@pytest.mark.parametrize("before", ["pass", "import builtins; builtins.mine = 1", "sys.settrace(lambda *_: None)"])
def test_what_an_extension_took_is_what_the_program_has(extensions, before, name):
    (folder(extensions) / "lends.py").write_text("class Error(Exception):\n    pass\n")
    profile(extensions, "", keys=f'modules = ["{name}"]\n', path=folder(extensions))
    assert not not_preloaded(extensions)
    program = (f"import sys; {before}\nimport lends, {name} as c\ntry: c.fail()\nexcept lends.Error as error: print(error)\n"
               "print(c.__file__ == c.__spec__.origin, c.__file__)")  # fmt: skip
    assert extensions.run("-c", program).stdout == cold(extensions, program)


def test_what_a_failed_import_had_imported_stays(service):  # noqa: F811
    package = folder(service) / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("try:\n    from . import fast\nexcept ImportError:\n    pass\n")
    (package / "fast.py").write_text("import colorsys, absent_module\n")
    profile(service, "", keys='modules = ["package"]\n', path=folder(service))
    program = LIST.format("package")
    assert service.run("-c", program).stdout == cold(service, program)
    assert "colorsys" in cold(service, program)


@pytest.mark.parametrize(
    "before",
    ["pass", "import importlib", "import builtins; builtins.mine = 1", "sys.settrace(lambda *_: None)", "sys.meta_path.insert(0, type('', (), {'find_spec': lambda *_: None})())"],
)
def test_what_only_its_bringer_finds_is_imported_with_it(extensions, before):
    profile(extensions, "", keys='modules = ["bring"]\n', path=folder(extensions))
    assert not not_preloaded(extensions)
    program = f"import sys; {before}; import bring, brought.part as part; print(bring.part is part, part.number)"
    assert extensions.run("-c", program).stdout == cold(extensions, program) == "True 42\n"


def test_what_importlib_says_of_its_parts_changes_no_import(service):  # noqa: F811
    profile(service, "", keys='modules = ["fractions"]\n')

    def place(before):
        return service.run("-c", f"import _frozen_importlib as part; {before}; import fractions; print(id(fractions.Fraction))").stdout

    assert place("pass") == place("part.__name__ = part.__file__ = 'x'") == place("import importlib.util")
    assert place("pass") != place("part.ModuleSpec = type('ModuleSpec', (part.ModuleSpec,), {})")


@pytest.mark.parametrize("place", ["", "import sys; sys.path.insert(0, {!r}); ", "cwd"])
def test_a_folder_of_the_profile_that_the_program_puts_first_is_the_first(service, place):  # noqa: F811
    first, second = service.folder / "first", service.folder / "second"
    for each in (first, second):
        each.mkdir()
        (each / "in_both.py").write_text(f"WHERE = {each.name!r}\n")
        (each / f"only_{each.name}.py").write_text("import in_both\n")
    profile(service, "", keys='modules = ["in_both", "only_second"]\n', path=f'{first}", "{second}')
    script = (service.folder if place and place != "cwd" else second) / "t.py"
    text = f"{place.format(str(second)) if place != 'cwd' else ''}import in_both, only_second; print(in_both.WHERE, in_both.__file__, only_second.in_both.WHERE)"
    script.write_text(text + "\n")
    words = ["-c", text] if place == "cwd" else [script]
    environment = {**service.environment, "PYTHONPATH": f"{first}:{second}"}
    done = [subprocess.run([*program, *words], env=each, cwd=second, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
            for program, each in (([PYTHON, "-B"], environment), ([PML, "--socket", service.socket, "--no-fallback"], service.environment))]  # fmt: skip
    assert done[0] == done[1] and done[0].startswith("second ")
