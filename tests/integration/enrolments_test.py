"""What a preload enrols with objects of other modules, a job that does not import it must not find.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import subprocess

import pytest

from trial_test import not_shared, serve, service  # noqa: F401: a fixture

BASE = """
import functools
class Thing: pass
@functools.singledispatch
def tell(value): return "base"
class Teller:
    @functools.singledispatchmethod
    def tell(self, value): return "base"
"""
ASK = "import collections.abc, json, base; print(isinstance(json.JSONDecoder(), collections.abc.Sized), isinstance(base.Thing(), collections.abc.Sized), base.tell(1), base.Teller().tell(1))"
# Of the module `enrols`: what it does, and whether a job could see it that does not import it.
DEEDS = {
    "another's-class": ("import collections.abc, json; collections.abc.Sized.register(json.JSONDecoder)", True),
    "class-of-a-neighbour": ("import base, collections.abc; collections.abc.Sized.register(base.Thing)", True),
    "function": ("import base\n@base.tell.register(int)\ndef _(value): return 'enrolled'", True),
    "method": ("import base\n@base.Teller.tell.register(int)\ndef _(self, value): return 'enrolled'", True),
    "own-class": ("import collections.abc\nclass Own: pass\ncollections.abc.Sized.register(Own)", False),
    "with-an-own-class": ("import abc, json\nclass Own(abc.ABC): pass\nOwn.register(json.JSONDecoder)", False),
    "function-for-an-own-class": ("import base\nclass Own: pass\n@base.tell.register(Own)\ndef _(value): return 'enrolled'", False),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_is_found_by_who_imports_it_alone(service, deed):  # noqa: F811
    code, can_be_seen = DEEDS[deed]
    (service.modules / "base.py").write_text(BASE)
    (service.modules / "enrols.py").write_text(code + "\n")
    serve(service, "base", "enrols")
    for program in (ASK, ASK.replace("import", "import enrols,", 1), f"{ASK}\nimport enrols\n{ASK}"):
        cold = subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, text=True, env={**service.environment, "PYTHONPATH": str(service.modules)}, check=True)
        warm = service.run("-c", program)
        assert (warm.returncode, warm.stdout) == (0, cold.stdout)
    assert any(line.startswith("enrols ") for line in not_shared(service)) == can_be_seen


def test_a_package_that_brings_its_enrolments_is_shared(service):  # noqa: F811
    package = service.modules / "whole"
    package.mkdir()
    (package / "__init__.py").write_text("from . import base, more\n")
    (package / "base.py").write_text(BASE)
    (package / "more.py").write_text("import collections.abc\nfrom . import base\ncollections.abc.Sized.register(base.Thing)\n@base.tell.register(int)\ndef _(value): return 'enrolled'\n")
    serve(service, "whole")
    done = service.run("-c", "import whole.base, collections.abc as c; print(isinstance(whole.base.Thing(), c.Sized), whole.base.tell(1))")
    assert done.stdout == "True enrolled\n"
    assert not_shared(service) == []
