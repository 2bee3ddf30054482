"""A program that hangs, is killed, leaves children behind or loses meshperf is gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from plans import program

from meshperf.load.adapters.child import run_child


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def pid_in(path: Path, within_s: float = 5.0) -> int:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"{path} was not written")


def test_output_code_and_cpu_time_come_back(tmp_path: Path) -> None:
    text = "print('said', sys.argv[1:]); sys.stderr.write('oh\\n'); sum(range(10**6)); sys.exit(7)"
    tool = program(tmp_path, "tool", text)
    ended = run_child(tool, ["a b", "$HOME;id"], folder=tmp_path, name="run", within_s=20)
    assert (ended.code, ended.complaint, ended.late) == (7, "oh", False)
    assert ended.output.read_text() == "said ['a b', '$HOME;id']\n"
    assert ended.cpu_s > 0


def test_a_program_that_hangs_is_killed_at_its_deadline_with_its_children(tmp_path: Path) -> None:
    tool = program(
        tmp_path,
        "tool",
        "child = os.fork()\n"
        "if child == 0: time.sleep(60); os._exit(0)\n"
        f"open({str(tmp_path / 'child')!r}, 'w').write(str(child)); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "time.sleep(60)",
    )
    began = time.monotonic()
    ended = run_child(tool, [], folder=tmp_path, name="run", within_s=1.0)
    assert ended.late
    assert ended.code == -signal.SIGKILL
    assert time.monotonic() - began < 10
    assert gone(pid_in(tmp_path / "child"))


def test_what_a_program_leaves_behind_goes_with_it(tmp_path: Path) -> None:
    tool = program(
        tmp_path,
        "tool",
        "child = os.fork()\n"
        "if child == 0: time.sleep(60); os._exit(0)\n"
        f"open({str(tmp_path / 'child')!r}, 'w').write(str(child))",
    )
    assert run_child(tool, [], folder=tmp_path, name="run", within_s=20).code == 0
    assert gone(pid_in(tmp_path / "child"))


def test_an_exception_of_the_watcher_ends_the_program(tmp_path: Path) -> None:
    tool = program(tmp_path, "tool", f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")

    def look(elapsed_s: float) -> None:
        if (tmp_path / "pid").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_child(tool, [], folder=tmp_path, name="run", within_s=20, look=look, every_s=0.01)
    assert gone(pid_in(tmp_path / "pid"))


def test_stop_ends_the_program(tmp_path: Path) -> None:
    tool = program(tmp_path, "tool", "time.sleep(60)")
    began = time.monotonic()
    ended = run_child(tool, [], folder=tmp_path, name="run", within_s=20, stop=lambda: time.monotonic() - began > 0.2)
    assert ended.stopped
    assert not ended.late


def test_when_meshperf_is_killed_the_program_ends_too(tmp_path: Path) -> None:
    tool = program(tmp_path, "tool", f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    code = (
        "from pathlib import Path; from meshperf.load.adapters.child import run_child; "
        f"run_child(Path({str(tool)!r}), [], folder=Path({str(tmp_path)!r}), name='run', within_s=60)"
    )
    source = str(Path(__file__).parents[3] / "src")
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": source})
    try:
        pid = pid_in(tmp_path / "pid", within_s=20)
    finally:
        parent.kill()
        parent.wait(10)
    assert gone(pid)


def test_a_program_that_cannot_be_executed_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "tool"
    broken.write_bytes(b"\x7fELFnonsense")
    broken.chmod(0o755)
    ended = run_child(broken, [], folder=tmp_path, name="run", within_s=20)
    assert ended.code == 127
    assert "cannot be executed" in ended.complaint


def test_it_runs_on_the_cores_that_it_is_given(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    tool = program(tmp_path, "tool", "print(sorted(os.sched_getaffinity(0)))")
    ended = run_child(tool, [], folder=tmp_path, name="run", within_s=20, cpus=(core,))
    assert ended.output.read_text().strip() == f"[{core}]"
