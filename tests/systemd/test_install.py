"""install.sh over pools that are there: an update, and the end. What it would build is the installed pml."""

import os
import pathlib
import subprocess

import pytest

from conftest import PREFIX, Pool, systemctl, until

SCRIPT = pathlib.Path(__file__).parents[2] / "install.sh"

# Nothing is compiled, and root is anybody: it installs into the home.
STANDINS = {
    "id": '#!/bin/sh\n[ "$1" = -u ] && echo 1000\n',
    "ninja": "#!/bin/sh\n",
    "meson": f"""#!/bin/sh
[ "$1" = install ] || exit 0
mkdir -p ~/.local/bin ~/.local/lib/pml build-install/meson-logs
for name in pml pmlctl; do cp --remove-destination {PREFIX}/bin/$name ~/.local/bin/; done
: >~/.local/lib/pml/_pml_zygote.so
find ~/.local/bin/pml ~/.local/bin/pmlctl ~/.local/lib/pml/* >build-install/meson-logs/install-log.txt
""",
}


class Home:
    def __init__(self, folder):
        self.folder = folder / "home"
        (self.folder / ".local/bin").mkdir(parents=True)
        self.clone = folder / "clone"
        self.clone.mkdir()
        text = SCRIPT.read_text()
        assert "/usr/bin/meson" in text
        (self.clone / "install.sh").write_text(text.replace("/usr/bin/meson", "meson"))
        for name, script in STANDINS.items():
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        self.environment = {**os.environ, "HOME": str(self.folder), "PATH": f"{folder}:{self.folder}/.local/bin:/usr/bin:/bin", "PML_QUIET": "1"}

    def install(self, *words, status=0):
        done = subprocess.run(["bash", self.clone / "install.sh", *words], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=300)
        assert done.returncode == status, done
        return done.stdout + done.stderr

    def files(self):
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*"))


@pytest.fixture
def home(tmp_path):
    yield Home(tmp_path)
    systemctl("disable", "pml@default.socket", "pml@default.service", check=False)
    Pool("default").stop()


def listens_since(unit):
    return systemctl("show", "-P", "ActiveEnterTimestampMonotonic", unit).stdout


def test_an_update_keeps_what_runs_and_whoever_leaves_is_asked(home, warm_pool):
    (home.folder / ".local/bin/mine").write_text("")
    before = home.files()
    assert "Hello from a warm interpreter." in home.install()

    default = Pool("default")
    job = default.popen("-c", "import time; print('runs', flush=True); time.sleep(10000)")
    assert job.stdout.readline() == "runs\n"
    units = [default.socket_unit, warm_pool.socket_unit]
    listening, idle, busy = [listens_since(unit) for unit in units], warm_pool.main_pid(), default.main_pid()
    said = home.install()
    assert "The pool default is left alone while programs run in it" in said and "Hello from a warm interpreter." in said
    assert job.poll() is None and default.main_pid() == busy
    assert warm_pool.main_pid() != idle  # nothing ran there
    assert [listens_since(unit) for unit in units] == listening

    said = home.install("--uninstall", status=1)
    assert "would be ended (pmlctl jobs shows them); --yes does it" in said
    assert job.poll() is None and (home.folder / ".local/bin/pml").exists()
    assert "Kept, because you wrote it: " in (said := home.install("--uninstall", "--yes")) and "Removed pml from" in said
    until(lambda: job.poll() is not None)
    assert home.files() == before
    assert not any(systemctl("is-active", unit, check=False).returncode == 0 for unit in units)
