"""What is left of pods when meshperf, or its supervisor too, is killed; and the sweep that removes it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from meshperf.environments import processes
from meshperf.environments.namespaces import creation, inhabitants, remove
from meshperf.environments.namespaces.naming import switch_name
from meshperf.environments.reaching import NAMESPACES
from meshperf.environments.site_state import SiteState, sweep

pytestmark = pytest.mark.needs_netns

# Pods with limits, a process of another user in each, and a grandchild that left its session and its parent.
HOLDER = """
import sys, time
from pathlib import Path
from meshperf.environments.local import LocalSite
from meshperf.environments.site import ProcessSpec
from meshperf.errors import PrerequisiteError
from meshperf.spec.experiment import Limits

CODE = '''
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        open(f"/proc/{os.getpid()}/comm", "w").write("hidden")
        time.sleep(600)
    os._exit(0)
time.sleep(600)
'''
site = LocalSite.open("killed", None, Path(sys.argv[1]), environment="netns")
print("open", site._supervision.pid, flush=True)
for number in range(3):
    host = f"pod{number}"
    site.address(host)
    try:
        site.limit(host, Limits(cpu=1.0, memory=64 << 20))
    except PrerequisiteError:
        pass  # control groups have their own tests
    argv = [sys.executable, "-I", "-S", "-c", CODE]
    site.start(ProcessSpec(name=host, role="app", argv=argv, host=host, user=(1337, 1337), ready=lambda: None))
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder; whatever a failed test left is swept."""
    yield tmp_path / "state"
    sweep(tmp_path / "state")


@contextlib.contextmanager
def hold(state: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A meshperf that makes pods, and its supervisor; it has its site open, but not yet its pods, when this begins."""
    source = Path(__file__).parents[3] / "src"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)],
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with holder:
        try:
            assert holder.stdout is not None
            yield holder, int(holder.stdout.readline().split()[1])
        finally:
            holder.kill()


def until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def left_of(given: dict[str, object]) -> list[str]:
    """Everything of a site's state that is still there, in words."""
    names = list(given["namespaces"].values())  # type: ignore[attr-defined]
    mounts = Path("/proc/self/mountinfo").read_text()
    left = [f"namespace {name}" for name in names if (NAMESPACES / name).exists()]
    left += [f"mount {name}" for name in names if f"/{name} " in mounts]
    left += [f"group {folder}" for folder in given["groups"] if Path(folder).exists()]  # type: ignore[attr-defined]
    left += [f"process {pid}" for pid, ticks in given["processes"].values() if processes.runs(pid, ticks)]  # type: ignore[attr-defined]
    return left + ([f"folder {given['scratch']}"] if Path(str(given["scratch"])).exists() else [])


def living_in(names: set[str]) -> set[int]:
    """Processes inside namespaces that may have lost their names already, by the numbers noted before."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str((entry / "ns/net").readlink()) in names:
                found.add(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("attempt", range(20))
def test_after_kill_9_the_next_start_leaves_nothing(state: Path, attempt: int) -> None:
    with hold(state) as (holder, supervisor):
        assert holder.stdout is not None
        if attempt % 2:
            assert holder.stdout.readline() == "up\n"
        else:
            time.sleep(0.02 * attempt)  # somewhere on the way: between a name and its mount, or a link and its bridge
        if attempt % 4 >= 2:
            os.kill(supervisor, signal.SIGKILL)
    (path,) = state.glob("site-*.json")
    given = json.loads(path.read_text())
    inodes = {
        f"net:[{file.stat().st_ino}]" for name in given["namespaces"].values() if (file := NAMESPACES / name).exists()
    }
    assert len(inodes) >= 1
    said = sweep(state)
    assert left_of(given) == []
    assert living_in(inodes) == set()
    assert not list(state.iterdir())
    assert any(sentence.startswith("removed the network namespace mp-") for sentence in said)


def test_a_process_that_left_session_parent_and_folder_is_ended_because_it_is_in_a_pod(state: Path) -> None:
    with hold(state) as (holder, supervisor):
        assert holder.stdout is not None and holder.stdout.readline() == "up\n"
        (path,) = state.glob("site-*.json")
        names = json.loads(path.read_text())["namespaces"].values()
        until(lambda: len(hidden_in(names)) == 3)
        hidden = hidden_in(names)
        os.kill(supervisor, signal.SIGKILL)
    assert all(processes.runs(*identity) for identity in hidden)  # no parent-death signal reaches a grandchild
    said = sweep(state)
    assert not any(processes.runs(*identity) for identity in hidden)
    assert sum(sentence.startswith("ended a process below") for sentence in said) == 3


def hidden_in(names: Iterable[str]) -> set[processes.Identity]:
    return {identity for identity in inhabitants(names) if _comm(identity[0]) == "hidden"}


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def test_pods_of_a_meshperf_that_lives_are_left_alone(state: Path) -> None:
    with hold(state) as (holder, _):
        assert holder.stdout is not None and holder.stdout.readline() == "up\n"
        (path,) = state.glob("site-*.json")
        names = json.loads(path.read_text())["namespaces"].values()
        assert sweep(state) == ()
        until(lambda: len(inhabitants(names)) == 6)
    sweep(state)


def dead_site(state: Path, **changed: object) -> None:
    state.mkdir()
    figures: dict[str, object] = {
        "experiment_id": "old",
        "where": processes.boot_and_namespace(),
        "owner": (os.getpid(), 1),
        "supervisor": None,
        "processes": {},
        "scratch": str(state / "nowhere"),
        **changed,
    }
    SiteState(**figures).write(state / "site-1.json")  # type: ignore[arg-type]


def test_a_name_without_a_namespace_is_removed_too(state: Path) -> None:
    name = switch_name("0fe1d0")
    (NAMESPACES / name).touch(0o000)
    dead_site(state, namespaces={"(switch)": name})
    assert sweep(state) == (f"removed the network namespace {name} of old",)
    assert not (NAMESPACES / name).exists()


def test_a_name_that_is_mounted_twice_is_removed(state: Path) -> None:
    name = switch_name("0fe1d1")
    creation.create(name)
    subprocess.run(["mount", "--bind", str(NAMESPACES / name), str(NAMESPACES / name)], check=True)
    dead_site(state, namespaces={"(switch)": name})
    sweep(state)
    assert name not in Path("/proc/self/mountinfo").read_text()
    assert not (NAMESPACES / name).exists()


def test_the_machine_s_own_network_is_nobody_s_pod_even_under_our_name() -> None:
    # Only looked at here, never swept: what `inhabitants` returns is what a sweep kills.
    name = switch_name("0fe1d3")
    (NAMESPACES / name).touch(0o000)
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", str(NAMESPACES / name)], check=True)
    try:
        assert (NAMESPACES / name).stat().st_ino == Path("/proc/self/ns/net").stat().st_ino
        assert inhabitants([name]) == set()
    finally:
        assert remove([name]) == (name,)


def test_a_namespace_without_our_name_is_never_removed_whatever_a_file_says(state: Path) -> None:
    NAMESPACES.mkdir(exist_ok=True)
    precious = NAMESPACES / "mpx-precious"
    precious.touch()
    try:
        dead_site(state, namespaces={"a": precious.name, "b": "../../etc/hostname"})
        assert sweep(state) == ()
        assert precious.exists() and Path("/etc/hostname").exists()
        assert inhabitants([precious.name]) == set()
    finally:
        precious.unlink()


def test_a_namespace_that_is_ours_but_stands_in_no_file_is_left_alone(state: Path) -> None:
    name = switch_name("0fe1d2")
    creation.create(name)
    try:
        dead_site(state)
        sweep(state)
        assert (NAMESPACES / name).exists()
        with pytest.raises(FileExistsError):
            creation.create(name)
    finally:
        assert remove([name]) == (name,)
    assert remove([name]) == ()


def test_the_state_of_a_version_without_pods_is_understood(state: Path) -> None:
    dead_site(state)
    path = state / "site-1.json"
    given = json.loads(path.read_text())
    del given["namespaces"], given["groups"]
    path.write_text(json.dumps(given))
    assert SiteState.read(path) is not None
    sweep(state)
    assert not path.exists()
