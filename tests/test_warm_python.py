"""The processes that need not import: they are processes, with what they were given and how they ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from warm_python import WarmPython


def test_a_process_has_its_own_arguments_folder_environment_and_streams(
    warm_python: WarmPython, tmp_path: Path
) -> None:
    code = """\
import os, sys
print(sys.argv, os.getcwd(), sorted(os.environ), sys.stdin.read())
print("told", file=sys.stderr)
os.chdir("/")
sys.exit(3)
"""
    done = warm_python.run("-c", code, "one", "two words", cwd=tmp_path, env={"ONLY": "1"}, input="read")
    assert done.stdout == f"{['-c', 'one', 'two words']} {tmp_path} ['ONLY'] read\n"
    assert (done.stderr, done.returncode) == ("told\n", 3)
    again = warm_python.run("-c", "import os; print(os.getcwd(), os.getpid())", cwd=tmp_path)
    assert again.stdout.split()[0] == str(tmp_path)
    assert int(again.stdout.split()[1]) != os.getpid()


def test_how_a_process_ended_is_told(warm_python: WarmPython) -> None:
    killed = warm_python.run("-c", "import os, signal; print(1, flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "1\n")
    broken = warm_python.run("-c", "1 / 0")
    assert broken.returncode == 1
    assert "ZeroDivisionError" in broken.stderr
    assert warm_python.run("-c", "import atexit; atexit.register(print, 'at last')").stdout == "at last\n"


def test_what_one_process_changed_the_next_does_not_see(warm_python: WarmPython) -> None:
    warm_python.run("-c", "import meshperf.units; meshperf.units.changed = 1")
    assert warm_python.run("-c", "import meshperf.units; print(hasattr(meshperf.units, 'changed'))").stdout == "False\n"


def test_a_process_that_does_not_end_is_killed_with_what_it_started(warm_python: WarmPython, tmp_path: Path) -> None:
    code = """\
import os, sys, time
child = os.fork()
if child:
    open(sys.argv[1], "w").write(str(child))
time.sleep(60)
"""
    with pytest.raises(subprocess.TimeoutExpired):
        warm_python.run("-c", code, str(tmp_path / "child"), timeout=0.5)
    child = Path("/proc") / (tmp_path / "child").read_text() / "stat"
    deadline = time.monotonic() + 5
    while runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert warm_python.run("-m", "meshperf", "--version").stdout.startswith("meshperf, version")


def runs(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_command_is_the_one_that_users_start(warm_python: WarmPython) -> None:
    refused = warm_python.run("-m", "meshperf", "rum")
    assert refused.returncode == 2
    assert "rum" in refused.stderr
