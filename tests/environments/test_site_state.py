"""What is left when meshperf is killed, and the sweep that removes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meshperf.environments import processes
from meshperf.environments.site_state import SiteState, sweep

# A meshperf that holds a site with a process, its child, and a grandchild that left session and parent.
HOLDER = """
import sys, time
from pathlib import Path
from meshperf.environments.local import LocalSite
from meshperf.environments.site import ProcessSpec

CODE = '''
import os, time
print(os.getpid(), flush=True)
if os.fork() == 0:
    print(os.getpid(), flush=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            time.sleep(600)
        os._exit(0)
time.sleep(600)
'''
site = LocalSite.open("killed", None, Path(sys.argv[1]))
argv = [sys.executable, "-I", "-S", "-c", CODE]
process = site.start(ProcessSpec(name="app", role="app", argv=argv, ready=lambda: None))
while len(process.log.read_text().split()) < 3:
    time.sleep(0.005)
print(site._supervision.pid, *process.log.read_text().split(), site.work_dir, flush=True)
time.sleep(600)
"""


# A meshperf that waits for a command, which has a child of its own.
COMMANDER = """
import sys
from pathlib import Path
from meshperf.environments.local import LocalSite

CODE = "import os, sys, time; os.fork(); print(os.getpid(), file=open(sys.argv[1], 'a'), flush=True); time.sleep(600)"
with LocalSite.open("command", None, Path(sys.argv[1])) as site:
    site.run([sys.executable, "-I", "-S", "-c", CODE, sys.argv[2]], deadline_s=600.0)
"""


def eventually(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def hold_a_site(state: Path) -> tuple[subprocess.Popen[str], list[int], Path]:
    source = Path(__file__).parents[2] / "src"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)],
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None
    *pids, folder = holder.stdout.readline().split()
    return holder, [int(pid) for pid in pids], Path(folder)


def asked_to_end(pid: int) -> bool:
    """Whether TERM waits to be delivered to a stopped process; one that is gone already was killed after it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return True
    pending = next(line.split()[1] for line in lines if line.startswith("ShdPnd"))
    return bool(int(pending, 16) & 1 << (signal.SIGTERM - 1))


def there(pid: int) -> bool:
    fields = processes.stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_two_seconds_after_meshperf_was_killed_no_process_is_left(tmp_path: Path, number: signal.Signals) -> None:
    holder, pids, folder = hold_a_site(tmp_path)
    with holder:
        assert len(pids) == 4 and all(map(there, pids))
        holder.send_signal(number)
        holder.wait()
        killed = time.monotonic()
        assert eventually(lambda: not any(map(there, pids)), 2.0)
        assert time.monotonic() - killed < 2.0
    # Processes are gone by themselves; the folder waits for the next start.
    assert folder.exists()
    said = sweep(tmp_path)
    assert said == ("removed the scratch folder of killed",)
    assert not folder.exists()
    assert not list(tmp_path.iterdir())


def test_a_command_that_is_run_ends_with_meshperf(tmp_path: Path) -> None:
    source, said = Path(__file__).parents[2] / "src", tmp_path / "said"
    argv = [sys.executable, "-c", COMMANDER, str(tmp_path / "state"), str(said)]
    with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(source)}) as commander:
        try:
            assert eventually(lambda: said.exists() and len(said.read_text().split()) == 2, 10.0)
        finally:
            commander.kill()
    pids = [int(pid) for pid in said.read_text().split()]
    assert eventually(lambda: not any(map(there, pids)), 2.0)
    sweep(tmp_path / "state")


def test_ctrl_c_of_the_whole_group_cleans_up_in_order(tmp_path: Path) -> None:
    holder, pids, folder = hold_a_site(tmp_path)
    with holder:
        holder.send_signal(signal.SIGINT)  # the interpreter ends with a traceback; its exit handlers run
        holder.wait()
        assert not any(map(there, pids))
        assert not folder.exists()
        assert not list(tmp_path.iterdir())


def test_a_second_ctrl_c_while_closing_leaves_no_process(tmp_path: Path) -> None:
    holder, pids, _ = hold_a_site(tmp_path)
    with holder:
        for pid in pids[1:]:
            os.kill(pid, signal.SIGSTOP)  # deaf to TERM, so that closing takes its second of grace
        holder.send_signal(signal.SIGINT)
        assert eventually(lambda: asked_to_end(pids[1]), 5.0)
        holder.send_signal(signal.SIGINT)
        holder.wait()
        assert eventually(lambda: not any(map(there, pids)), 2.0)
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_site_whose_meshperf_lives_is_left_alone(tmp_path: Path) -> None:
    holder, pids, folder = hold_a_site(tmp_path)
    with holder:
        assert sweep(tmp_path) == ()
        assert all(map(there, pids))
        assert folder.exists()
        holder.kill()
    sweep(tmp_path)
    assert not folder.exists()


def test_a_supervisor_that_hangs_is_ended_with_all_below_it(tmp_path: Path) -> None:
    holder, pids, folder = hold_a_site(tmp_path)
    with holder:
        os.kill(pids[0], signal.SIGSTOP)
        holder.kill()
        holder.wait()
        assert all(map(there, pids))
        said = sweep(tmp_path)
        assert not any(map(there, pids))
        assert any("ended app-0" in sentence for sentence in said)
        assert not folder.exists()


def leftover(tmp_path: Path, **changed: object) -> tuple[subprocess.Popen[bytes], Path]:
    """A running process, and a state file of a dead meshperf that speaks of it."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    ticks = processes.start_ticks(process.pid)
    assert ticks is not None
    scratch = tmp_path / "meshperf-leftover"
    scratch.mkdir()
    state: dict[str, object] = {
        "experiment_id": "old",
        "where": processes.boot_and_namespace(),
        "owner": (os.getpid(), 1),
        "supervisor": None,
        "processes": {"app": (process.pid, ticks)},
        "scratch": str(scratch),
        **changed,
    }
    (tmp_path / "state").mkdir()
    SiteState(**state).write(tmp_path / "state" / "site-1.json")  # type: ignore[arg-type]
    return process, scratch


def test_a_recorded_process_that_still_runs_is_ended(tmp_path: Path) -> None:
    process, scratch = leftover(tmp_path)
    with process:
        said = sweep(tmp_path / "state")
        assert process.wait(2) == -signal.SIGKILL
    assert said == (f"ended app (pid {process.pid}) of old", "removed the scratch folder of old")
    assert not scratch.exists()


def test_another_process_with_a_recorded_pid_is_not_touched(tmp_path: Path) -> None:
    process, scratch = leftover(tmp_path)
    with process:
        path = tmp_path / "state" / "site-1.json"
        given = json.loads(path.read_text())
        given["processes"]["app"][1] -= 1
        path.write_text(json.dumps(given))
        assert sweep(tmp_path / "state") == ("removed the scratch folder of old",)
        assert process.poll() is None
        assert not scratch.exists()
        process.kill()


def test_pids_of_another_boot_mean_nobody_here(tmp_path: Path) -> None:
    namespace = processes.boot_and_namespace().split()[1]
    process, scratch = leftover(tmp_path, where=f"another-boot {namespace}")
    with process:
        sweep(tmp_path / "state")
        assert process.poll() is None
        assert not scratch.exists()
        process.kill()


def test_a_site_of_another_pid_namespace_is_left_alone(tmp_path: Path) -> None:
    boot = processes.boot_and_namespace().split()[0]
    process, scratch = leftover(tmp_path, where=f"{boot} pid:[1]")
    with process:
        assert sweep(tmp_path / "state") == ()
        assert process.poll() is None
        assert scratch.exists()
        process.kill()


def test_a_folder_that_is_not_named_like_a_scratch_folder_is_never_removed(tmp_path: Path) -> None:
    precious = tmp_path / "thesis"
    precious.mkdir()
    process, _ = leftover(tmp_path, scratch=str(precious))
    with process:
        sweep(tmp_path / "state")
    assert precious.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"owner": 3}'])
def test_a_state_file_that_cannot_be_understood_is_named_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site-x.json"
    path.write_text(text)
    assert sweep(tmp_path) == ("left site-x.json alone: it cannot be understood",)
    assert path.exists()


def test_a_state_folder_that_does_not_exist_holds_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path / "nowhere") == ()
