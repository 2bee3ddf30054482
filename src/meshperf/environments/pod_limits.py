"""Limits of CPU and memory for the processes of one host together, by control groups; versions 1 and 2.

A site has one group, `meshperf-<token>`, in every hierarchy it needs, and a group for each limited host below it. A
process enters before it is executed, so that everything it ever uses is counted.

*Version 1*: the site's group is below our own, so that whatever limits us holds for it too. *Version 2*: a group that
holds processes cannot hand controllers on, so the site's group goes below the nearest group above us that does; limits
of the groups between, as systemd sets them for one session, do not reach it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.cgroup_limits import levels
from meshperf.environments.host_files import HostFiles, Unavailable
from meshperf.environments.processes import Identity, start_ticks
from meshperf.environments.site import LimitPressure
from meshperf.errors import PrerequisiteError
from meshperf.spec.experiment import Limits

__all__ = ["PodLimits", "members", "remove_groups"]

PERIOD_US = 100_000
"""Over which a share of CPU time is counted; what Kubernetes uses."""
_SITE_GROUP = re.compile(r"meshperf-[0-9a-f]{12}")
_EMPTY_WITHIN_S = 2.0
"""A group of processes that were just killed is not empty at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    kind: str
    """`cgroup` (version 1) or `cgroup2`."""
    folder: str

    def below(self, name: str) -> _Group:
        return _Group(kind=self.kind, folder=f"{self.folder}/{name}")


class PodLimits:
    """The limited hosts of one site."""

    def __init__(self, token: str, *, note: Callable[[], None], files: HostFiles | None = None) -> None:
        """
        Args:
            token: twelve hexadecimal digits, the site's own.
            note: writes the state file; called before a group is made.
            files: another root than this machine's, for tests.
        """
        self._name = f"meshperf-{token}"
        self._note = note
        self._files = files or HostFiles()
        self._site: dict[str, _Group] = {}
        self._hosts: dict[str, tuple[Limits, dict[str, _Group]]] = {}

    @property
    def groups(self) -> tuple[str, ...]:
        """Folders of the site's groups, for the state file."""
        return tuple(sorted({group.folder for group in self._site.values()}))

    def set(self, host: str, limits: Limits) -> None:
        """Limit a host, before its first process is started.

        Raises:
            PrerequisiteError: MP3011, a controller is missing or may not be used. ValueError: limited otherwise before.
        """
        if host in self._hosts:
            if self._hosts[host][0] != limits:
                raise ValueError(f"{host} has other limits already: {self._hosts[host][0]}")
            return
        name = f"pod-{len(self._hosts) + 1}"
        groups: dict[str, _Group] = {}
        for controller, wanted in (("cpu", limits.cpu), ("memory", limits.memory)):
            if wanted is not None:
                groups[controller] = self._group(controller).below(name)
                self._make(groups[controller])
        if limits.cpu is not None:
            self._limit_cpu(groups["cpu"], limits.cpu)
        if limits.memory is not None:
            self._limit_memory(groups["memory"], limits.memory)
        self._hosts[host] = (limits, groups)

    def entrances(self, host: str) -> tuple[str, ...]:
        """Files that a process of the host writes itself into; none for a host without limits."""
        groups = self._hosts[host][1].values() if host in self._hosts else ()
        return tuple(sorted({str(self._files.at(group.folder) / "cgroup.procs") for group in groups}))

    def pressure(self, host: str) -> LimitPressure:
        """What the limits of a host did so far.

        Raises:
            KeyError: the host has no limits. Unavailable: its group cannot be read.
        """
        groups = self._hosts[host][1]
        periods = throttled = killed = 0
        throttled_s = 0.0
        if (cpu := groups.get("cpu")) is not None:
            counters = self._files.table(f"{cpu.folder}/cpu.stat", " ")
            periods, throttled = int(counters["nr_periods"]), int(counters["nr_throttled"])
            in_v1 = cpu.kind == "cgroup"
            throttled_s = int(counters["throttled_time"]) / 1e9 if in_v1 else int(counters["throttled_usec"]) / 1e6
        if (memory := groups.get("memory")) is not None:
            file = "memory.oom_control" if memory.kind == "cgroup" else "memory.events"
            killed = int(self._files.table(f"{memory.folder}/{file}", " ")["oom_kill"])
        return LimitPressure(periods=periods, throttled_periods=throttled, throttled_s=throttled_s, oom_kills=killed)

    def close(self) -> None:
        """Remove every group; their processes have ended.

        Raises:
            OSError: one cannot be removed.
        """
        remove_groups(self.groups)

    def _group(self, controller: str) -> _Group:
        """The site's group in the hierarchy that has the controller."""
        if controller not in self._site:
            base = self._base(controller)
            self._site[controller] = base.below(self._name)
            self._note()
            self._make(self._site[controller])
        group = self._site[controller]
        if group.kind == "cgroup2":
            self._write(f"{group.folder}/cgroup.subtree_control", f"+{controller}")
        return group

    def _base(self, controller: str) -> _Group:
        try:
            for kind, folder in levels(self._files, controller):
                if kind == "cgroup":
                    return _Group(kind=kind, folder=folder)
                if controller in self._files.text(f"{folder}/cgroup.subtree_control").split():
                    return _Group(kind=kind, folder=folder)
        except Unavailable as why:
            raise _impossible(str(why)) from None
        raise _impossible(f"no control group above ours hands the {controller} controller on")

    def _limit_cpu(self, group: _Group, cores: float) -> None:
        quota = round(cores * PERIOD_US)
        if group.kind == "cgroup2":
            self._write(f"{group.folder}/cpu.max", f"{quota} {PERIOD_US}")
        else:
            self._write(f"{group.folder}/cpu.cfs_period_us", str(PERIOD_US))
            self._write(f"{group.folder}/cpu.cfs_quota_us", str(quota))

    def _limit_memory(self, group: _Group, size: int) -> None:
        limit, with_swap = ("memory.max", "memory.swap.max")
        if group.kind == "cgroup":
            limit, with_swap = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        self._write(f"{group.folder}/{limit}", str(size))
        # Version 1 counts memory and swap together. A kernel that counts no swap has no such file.
        if self._files.at(f"{group.folder}/{with_swap}").exists():
            self._write(f"{group.folder}/{with_swap}", "0" if group.kind == "cgroup2" else str(size))

    def _make(self, group: _Group) -> None:
        try:
            self._files.at(group.folder).mkdir(exist_ok=True)
        except OSError as error:
            raise _impossible(f"the control group {group.folder} cannot be made: {error.strerror}") from error

    def _write(self, path: str, text: str) -> None:
        try:
            self._files.at(path).write_text(text)
        except OSError as error:
            raise _impossible(f"{text!r} cannot be written to {path}: {error.strerror}") from error


def members(groups: Iterable[str]) -> set[Identity]:
    """Processes in the groups of a site; folders that are no such group have none."""
    found = set()
    for group in groups:
        for folder in _tree(Path(group)):
            for pid in (folder / "cgroup.procs").read_text().split():
                ticks = start_ticks(int(pid))
                if ticks is not None:
                    found.add((int(pid), ticks))
    return found


def remove_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """Remove the groups of a site that are there, with those below; returns the ones that were removed.

    Raises:
        OSError: a group holds processes, or may not be removed.
    """
    removed = []
    for group in groups:
        folders = list(_tree(Path(group)))
        for folder in folders:
            _remove_when_empty(folder)
        removed += [group] if folders else []
    return tuple(removed)


def _tree(group: Path) -> Iterator[Path]:
    """The groups below a site's group, then itself; nothing for a folder that is none."""
    if _SITE_GROUP.fullmatch(group.name) and not group.is_symlink() and (group / "cgroup.procs").is_file():
        yield from sorted(entry for entry in group.iterdir() if entry.is_dir())
        yield group


def _remove_when_empty(folder: Path) -> None:
    deadline = time.monotonic() + _EMPTY_WITHIN_S
    while True:
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _impossible(why: str) -> PrerequisiteError:
    return PrerequisiteError(
        "MP3011",
        f"limits of CPU and memory cannot be set here: {why}",
        hint="run meshperf as root, or with `systemd-run --scope -p Delegate=yes`; or leave `limits` out",
    )
