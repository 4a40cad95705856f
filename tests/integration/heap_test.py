"""What the zygote's imports left of its heap: a worker copies the pages it writes, and no more.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import pytest

from failures_test import not_preloaded, profile, service  # noqa: F401

PRIVATE = "import re; print(re.search(r'Private_Dirty: +(\\d+)', open('/proc/self/smaps_rollup').read())[1])"


@pytest.mark.parametrize("size, every", [(700, 16), (300, 40)], ids=["malloc", "objects"])
def test_what_a_job_allocates_lies_side_by_side(service, size, every):  # noqa: F811
    """The zygote has a small free place on every third page."""
    count = 2000
    profile(service, f"kept = [bytes({size}) for _ in range({count * every})]\ndel kept[::{every}]\n", timeout="10s")
    assert not not_preloaded(service)
    done = service.run("-c", f"kept = [bytes({size}) for _ in range({count})]; {PRIVATE}")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 6000, "KiB"  # where each lies on a page of its own, that is 8000 more than else
