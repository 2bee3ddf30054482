"""Limits of CPU and memory by control group: live in version 1, on a recorded tree in version 2."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from meshperf.environments.host_files import HostFiles
from meshperf.environments.local import LocalSite
from meshperf.environments.pod_limits import PodLimits, members, remove_groups
from meshperf.environments.site import LimitPressure, Process, ProcessSpec
from meshperf.errors import PrerequisiteError
from meshperf.spec.experiment import Limits

TOKEN = "0123456789ab"
GROUP = f"meshperf-{TOKEN}"
Plant = Callable[[Mapping[str, str]], Path]


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def run(site: LocalSite, code: str, **more: object) -> Process:
    argv = [sys.executable, "-I", "-S", "-c", code]
    spec = ProcessSpec(name="limited", role="app", argv=argv, host="pod", ready=lambda: None, **more)  # type: ignore[arg-type]
    return site.start(spec)


def limited(site: LocalSite, limits: Limits) -> None:
    """Skips where this machine lets nobody set limits; `needs_netns` has made sure of root."""
    try:
        site.limit("pod", limits)
    except PrerequisiteError as missing:
        pytest.skip(missing.message)


@pytest.mark.needs_netns
def test_processes_of_a_pod_share_its_cpu_and_the_throttling_is_counted(pods: LocalSite) -> None:
    limited(pods, Limits(cpu=0.2))
    assert pods.limit_pressure("pod") == LimitPressure()
    processes = [
        run(pods, "while True: pass", user=(1337, 1337)),
        run(pods, "while True: pass", limits=Limits(cpu=0.2)),
    ]
    began, used = time.monotonic(), _cpu_s(processes)
    assert eventually(lambda: pods.limit_pressure("pod").throttled_periods >= 10)
    cores = (_cpu_s(processes) - used) / (time.monotonic() - began)
    assert cores < 0.3  # two that compute without end would have used a core or two
    seen = pods.limit_pressure("pod")
    assert 0 < seen.throttled_periods <= seen.periods
    assert seen.throttled_s > 0.1
    assert seen.oom_kills == 0


def _cpu_s(processes: list[Process]) -> float:
    stats = [Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split() for each in processes]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


@pytest.mark.needs_netns
def test_a_process_beyond_its_memory_is_killed_and_counted(pods: LocalSite) -> None:
    limited(pods, Limits(memory=32 << 20))
    process = run(pods, "import time; b = bytearray(1 << 28); time.sleep(600)")
    assert eventually(lambda: pods.limit_pressure("pod").oom_kills == 1)
    assert eventually(lambda: not _runs(process))
    assert pods.limit_pressure("pod").throttled_periods == 0


def _runs(process: Process) -> bool:
    try:
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.needs_netns
def test_a_host_without_limits_stays_where_meshperf_is(pods: LocalSite) -> None:
    limited(pods, Limits(cpu=1.5))
    inside = run(pods, "import time; time.sleep(600)")
    argv = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    outside = pods.start(ProcessSpec(name="free", role="app", argv=argv, host="other", ready=lambda: None))
    ours = Path("/proc/self/cgroup").read_text()
    assert Path(f"/proc/{outside.pid}/cgroup").read_text() == ours
    assert Path(f"/proc/{inside.pid}/cgroup").read_text() != ours
    with pytest.raises(KeyError):
        pods.limit_pressure("other")


@pytest.mark.needs_netns
def test_groups_are_gone_when_the_site_is(tmp_path: Path) -> None:
    with LocalSite.open("limits", None, tmp_path, environment="netns") as site:
        limited(site, Limits(cpu=1.0, memory=64 << 20))
        run(site, "import time; time.sleep(600)")
        folders = [Path(entrance).parent for entrance in site._limits.entrances("pod")]
        assert folders and all(folder.is_dir() for folder in folders)
    assert not any(folder.exists() or folder.parent.exists() for folder in folders)


@pytest.mark.needs_netns
def test_limits_said_twice_must_agree(pods: LocalSite) -> None:
    limited(pods, Limits(cpu=1.0))
    pods.limit("pod", Limits(cpu=1.0))
    with pytest.raises(ValueError, match="other limits already"):
        pods.limit("pod", Limits(cpu=2.0))


# Recorded trees ------------------------------------------------------------------------------------------------------

V2 = {
    "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
    "proc/self/cgroup": "0::/user.slice/job.scope\n",
    "sys/fs/cgroup/cgroup.subtree_control": "cpuset cpu io memory pids\n",
    "sys/fs/cgroup/user.slice/cgroup.subtree_control": "memory pids\n",
    "sys/fs/cgroup/user.slice/job.scope/cgroup.subtree_control": "\n",
}


def recorded(root: Path, noted: list[int] | None = None) -> PodLimits:
    return PodLimits(TOKEN, note=lambda: (noted if noted is not None else []).append(1), files=HostFiles(root))


def test_version_2_makes_groups_where_controllers_are_handed_on(plant: Plant) -> None:
    root = plant(V2)
    noted: list[int] = []
    limits = recorded(root, noted)
    limits.set("pod", Limits(cpu=0.5, memory=256_000_000))
    slices = root / "sys/fs/cgroup"
    assert (slices / GROUP / "pod-1/cpu.max").read_text() == "50000 100000"
    assert (slices / "user.slice" / GROUP / "pod-1/memory.max").read_text() == "256000000"
    assert (slices / GROUP / "cgroup.subtree_control").read_text() == "+cpu"
    assert limits.groups == (f"/sys/fs/cgroup/{GROUP}", f"/sys/fs/cgroup/user.slice/{GROUP}")
    assert len(noted) == 2
    assert limits.entrances("pod") == (
        str(slices / GROUP / "pod-1/cgroup.procs"),
        str(slices / "user.slice" / GROUP / "pod-1/cgroup.procs"),
    )
    assert limits.entrances("another") == ()


def test_version_2_has_one_group_where_both_controllers_are(plant: Plant) -> None:
    root = plant({**V2, "proc/self/cgroup": "0::/job.scope\n", "sys/fs/cgroup/job.scope/cgroup.subtree_control": "\n"})
    limits = recorded(root)
    limits.set("one", Limits(cpu=2.0, memory=1 << 30))
    limits.set("two", Limits(memory=1 << 20))
    assert limits.groups == (f"/sys/fs/cgroup/{GROUP}",)
    assert len(limits.entrances("one")) == 1
    assert limits.entrances("one") != limits.entrances("two")


def test_version_2_tells_throttling_and_kills(plant: Plant) -> None:
    root = plant(V2)
    limits = recorded(root)
    limits.set("pod", Limits(cpu=0.5, memory=1 << 20))
    cpu, memory = (Path(entrance).parent for entrance in limits.entrances("pod"))
    (cpu / "cpu.stat").write_text("usage_usec 9\nnr_periods 40\nnr_throttled 12\nthrottled_usec 1500000\n")
    (memory / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n")
    assert limits.pressure("pod") == LimitPressure(periods=40, throttled_periods=12, throttled_s=1.5, oom_kills=1)


def test_in_version_2_swap_is_no_way_out(plant: Plant) -> None:
    root = plant({**V2, f"sys/fs/cgroup/user.slice/{GROUP}/pod-1/memory.swap.max": "max\n"})
    recorded(root).set("pod", Limits(memory=1 << 20))
    assert (root / "sys/fs/cgroup/user.slice" / GROUP / "pod-1/memory.swap.max").read_text() == "0"


def test_a_mixed_system_uses_the_version_that_has_the_controller(plant: Plant, host_tree: ModuleType) -> None:
    root = plant(host_tree.HYBRID)
    limits = recorded(root)
    limits.set("pod", Limits(cpu=0.25, memory=1 << 20))
    cpu = root / f"sys/fs/cgroup/cpu,cpuacct/batch/{GROUP}/pod-1"
    assert (cpu / "cpu.cfs_quota_us").read_text() == "25000"
    assert (cpu / "cpu.cfs_period_us").read_text() == "100000"
    memory = root / f"sys/fs/cgroup/memory/one/{GROUP}/pod-1"
    assert (memory / "memory.limit_in_bytes").read_text() == str(1 << 20)


def test_a_controller_that_nobody_hands_on_is_named(plant: Plant) -> None:
    root = plant({**V2, "sys/fs/cgroup/cgroup.subtree_control": "pids\n"})
    with pytest.raises(PrerequisiteError, match="hands the cpu controller on") as caught:
        recorded(root).set("pod", Limits(cpu=1.0))
    assert caught.value.code == "MP3011"
    assert "Delegate=yes" in (caught.value.hint or "")


def test_a_machine_without_control_groups_is_refused(plant: Plant) -> None:
    root = plant({"proc/self/mountinfo": "", "proc/self/cgroup": ""})
    with pytest.raises(PrerequisiteError, match="no mounted control group has the memory controller"):
        recorded(root).set("pod", Limits(memory=1 << 20))


def test_a_group_that_cannot_be_made_names_its_folder(plant: Plant) -> None:
    root = plant({**V2, f"sys/fs/cgroup/{GROUP}": "a file where the group should be\n"})
    with pytest.raises(PrerequisiteError, match=f"/sys/fs/cgroup/{GROUP} cannot be made"):
        recorded(root).set("pod", Limits(cpu=1.0))


def test_only_folders_that_are_a_site_s_groups_are_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    named = tmp_path / GROUP  # the right name, but no control group
    for folder in (precious, named):
        (folder / "inner").mkdir(parents=True)
    (precious / "cgroup.procs").write_text(f"{os.getpid()}\n")
    link = tmp_path / "meshperf-ffffffffffff"
    link.symlink_to(precious)
    assert members(map(str, (precious, named, link))) == set()
    assert remove_groups(map(str, (precious, named, link, tmp_path / "gone"))) == ()
    assert precious.is_dir() and named.is_dir() and link.is_symlink()


def test_who_is_in_a_group_or_below_it_is_found(tmp_path: Path) -> None:
    pod = tmp_path / GROUP / "pod-1"
    pod.mkdir(parents=True)
    (tmp_path / GROUP / "cgroup.procs").write_text("")
    (pod / "cgroup.procs").write_text(f"{os.getpid()}\n4194304\n")
    assert {pid for pid, _ in members([str(tmp_path / GROUP)])} == {os.getpid()}
