"""What control groups allow this process: CPU time, cores and memory, in version 2, version 1 and the mix of both.

In a hybrid system a controller lives in exactly one of the two, so each is looked for where it can be. A limit may be
set on any group above ours, and in a container the mount shows only a part of the tree, so every level from our group
up to the mount is read and the smallest limit counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from meshperf.environments.host_files import HostFiles, Unavailable, observe
from meshperf.spec.records import Fact

__all__ = ["UNLIMITED", "cgroup_facts", "levels"]

UNLIMITED = "unlimited"
_V1_NO_LIMIT = 1 << 62
"""Version 1 writes the largest multiple of the page size for no limit; anything beyond this is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mount:
    kind: str
    root: PurePosixPath
    point: PurePosixPath
    controllers: frozenset[str]


def cgroup_facts(files: HostFiles) -> dict[str, Fact]:
    """Control group facts by their path under `host.`."""
    return {
        "host.cgroup_version": observe("/proc/self/mountinfo", lambda: _version(files)),
        "host.cpu_limit_cores": observe("cgroup cpu.max or cpu.cfs_quota_us", lambda: _cpu_limit(files)),
        "host.cpuset": observe("cgroup cpuset.cpus.effective or cpuset.effective_cpus", lambda: _cpuset(files)),
        "host.memory_limit_bytes": observe("cgroup memory.max or memory.limit_in_bytes", lambda: _memory_limit(files)),
    }


def _mounts(files: HostFiles) -> list[_Mount]:
    mounts = []
    for line in files.text("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        if kind in ("cgroup", "cgroup2"):
            root, point = before.split()[3:5]
            mounts.append(
                _Mount(
                    kind=kind,
                    root=PurePosixPath(root),
                    point=PurePosixPath(point),
                    controllers=frozenset(options.split(",")),
                )
            )
    return mounts


def _version(files: HostFiles) -> str:
    mounts = _mounts(files)
    controllers_v1 = any(mount.kind == "cgroup" and "name=systemd" not in mount.controllers for mount in mounts)
    v2 = any(mount.kind == "cgroup2" for mount in mounts)
    match controllers_v1, v2:
        case True, True:
            return "hybrid"
        case True, False:
            return "v1"
        case False, True:
            return "v2"
        case _:
            raise Unavailable("no control group is mounted")


def levels(files: HostFiles, controller: str) -> Iterator[tuple[str, str]]:
    """Kind and folder of our group in the hierarchy that has the controller, and of every group above it."""
    groups = [line.split(":", 2) for line in files.text("/proc/self/cgroup").splitlines()]
    mounts = _mounts(files)
    for kind, ours in (
        ("cgroup", next((path for _, names, path in groups if controller in names.split(",")), None)),
        ("cgroup2", next((path for number, names, path in groups if number == "0" and not names), None)),
    ):
        for mount in mounts if ours is not None else ():
            if mount.kind != kind or (kind == "cgroup" and controller not in mount.controllers):
                continue
            path = PurePosixPath(ours or "/")
            # Inside a container the group may be named from the host's root while the mount begins at the group.
            inside = path.relative_to(mount.root) if path.is_relative_to(mount.root) else PurePosixPath()
            folder = mount.point / inside.relative_to(inside.anchor)
            while True:
                yield kind, str(folder)
                if folder == mount.point:
                    break
                folder = folder.parent
            return
    raise Unavailable(f"no mounted control group has the {controller} controller")


def _cpu_limit(files: HostFiles) -> float | str:
    limits: list[float] = []
    for kind, folder in levels(files, "cpu"):
        if kind == "cgroup2":
            quota, period = _optional(files, f"{folder}/cpu.max", "max 100000").split()
        else:
            quota = _optional(files, f"{folder}/cpu.cfs_quota_us", "-1")
            period = _optional(files, f"{folder}/cpu.cfs_period_us", "100000")
        if quota not in ("max", "-1"):
            limits.append(int(quota) / int(period))
    return min(limits, default=UNLIMITED)


def _memory_limit(files: HostFiles) -> int | str:
    limits: list[int] = []
    for kind, folder in levels(files, "memory"):
        name = "memory.max" if kind == "cgroup2" else "memory.limit_in_bytes"
        text = _optional(files, f"{folder}/{name}", "max")
        if text != "max" and int(text) < _V1_NO_LIMIT:
            limits.append(int(text))
    return min(limits, default=UNLIMITED)


def _cpuset(files: HostFiles) -> str:
    """The effective set of our own group, or of the nearest above that says one: it already contains those above."""
    for kind, folder in levels(files, "cpuset"):
        name = "cpuset.cpus.effective" if kind == "cgroup2" else "cpuset.effective_cpus"
        text = _optional(files, f"{folder}/{name}", "")
        if not text and kind == "cgroup":
            text = _optional(files, f"{folder}/cpuset.cpus", "")
        if text:
            return text
    return UNLIMITED


def _optional(files: HostFiles, path: str, otherwise: str) -> str:
    """The root group has no limit files, nor has a group without the controller: nothing is limited there."""
    try:
        return files.text(path)
    except Unavailable:
        if files.at(path).exists():
            raise
        return otherwise
