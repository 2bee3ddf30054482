"""Where an experiment runs, as its layers see it: hosts with addresses, processes with readiness, facts.

`Site` is what meshes and workloads deploy into. The local one is `local.LocalSite`; Kubernetes and namespaces follow
the same protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from meshperf.spec.experiment import Limits
from meshperf.spec.records import Fact, Facts

__all__ = ["CpuPlan", "LimitPressure", "Process", "ProcessSpec", "Site", "folder_name"]

Readiness = Callable[[], str | None]
"""Returns None when ready, else what is still missing (shown when the deadline passes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A process to start. `role` is app, sidecar, generator or control-plane; it decides the CPU set."""

    name: str
    role: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    """The whole environment of the process but PATH and LANG; nothing else is inherited."""
    ready: Readiness
    host: str | None = None
    """The host of the experiment in whose network it runs; None: this machine's own (loopback sites know no other)."""
    user: tuple[int, int] | None = None
    """Numeric user and group to run as, where redirection rules tell a proxy by its user; None: as meshperf runs.
    It may read whatever root may, programs and the scratch folder; what it writes needs a folder of its own, made by
    `Site.folder`."""
    deadline_s: float = 10.0
    cpus: tuple[int, ...] | None = None
    """None: as the site's CPU plan says for the role."""
    listens: Sequence[str] = ()
    """Addresses `ip:port` that the process will bind, as far as known; tried before it is started (MP5103). They are
    in the network of `host`; what `Site.reach` writes is understood too."""
    limits: Limits | None = None
    """What all processes of the same host together may use; every process of a host says the same. None: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that was started and became ready."""

    name: str
    role: str
    pid: int
    start_ticks: int
    """Field 22 of /proc/<pid>/stat: tells the process from a later one with the same pid."""
    log: Path
    cpus: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuPlan:
    """Which cores each role may use, and whether a measured process shares a core with the generator."""

    by_role: Mapping[str, tuple[int, ...]]
    generator_shared: bool
    measured_cores: int
    note: str
    """For people: what is shared with what."""

    def cpus_for(self, role: str) -> tuple[int, ...]:
        return self.by_role.get(role, self.by_role["app"])

    def facts(self) -> Facts:
        """The plan under `host.cpus.`."""
        plan = {
            f"host.cpus.{role}": Fact(value=",".join(map(str, cores)), source="CPU plan", observed=False)
            for role, cores in self.by_role.items()
        }
        shared = Fact(value=self.generator_shared, source="CPU plan", observed=False)
        return {**plan, "host.cpus.generator_shared": shared}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPressure:
    """How often the limits of one host took hold since it was limited; 0 where that resource has no limit."""

    periods: int = 0
    """Of 100 ms in which the host wanted CPU time."""
    throttled_periods: int = 0
    throttled_s: float = 0.0
    oom_kills: int = 0


def folder_name(resident: str) -> str:
    """A resident's name in folders and files: `envoy#2`, the twin of `envoy`, is `envoy+twin`, which no arm can be."""
    return resident.replace("#2", "+twin")


class Site(Protocol):
    """An environment that is open: everything started through it is gone when it is closed."""

    kind: str
    """`local`: every host is a loopback address; `netns`: every host is a network namespace, a pod."""
    cpus: CpuPlan
    work_dir: Path
    """Scratch folder of this run: configuration, certificates, logs. Mode 0700; removed on close."""

    def address(self, host: str) -> str:
        """The address of a host of this experiment, one of its own for each name. Same name, same address."""
        ...

    def namespace(self, host: str) -> str | None:
        """Path of the host's network namespace, for the load engine; None where hosts have none of their own."""
        ...

    def reach(self, host: str, port: int, *, at: str | None = None) -> str:
        """How meshperf itself dials a port of a host: `ip:port`, in namespaces `ip:port@namespace`.

        Args:
            host: from whose network the connection is made.
            at: IP to dial; None: the host's own address. A pod's own 127.0.0.1 can be dialled like this.
        """
        ...

    def run(self, argv: Sequence[str], *, host: str | None = None, deadline_s: float = 30.0) -> str:
        """Run a command to its end in a host's network (rules of redirection, questions to a control plane).

        Returns:
            What it printed to standard output.

        Raises:
            DeploymentError: it failed or did not end in time (MP5102), with its last lines.
        """
        ...

    def folder(self, name: str, user: tuple[int, int] | None = None) -> Path:
        """A folder below the scratch folder, mode 0700, made when it is not there; with `user`, theirs to write to."""
        ...

    def limit(self, host: str, limits: Limits) -> None:
        """Limit all processes of a host together; said before the first of them is started.

        Raises:
            PrerequisiteError: control groups cannot be used here (MP3011).
        """
        ...

    def limit_pressure(self, host: str) -> LimitPressure:
        """How often the limits of a host took hold so far.

        Raises:
            KeyError: the host has no limits.
        """
        ...

    def start(self, spec: ProcessSpec) -> Process:
        """Start a process and wait until it is ready.

        Raises:
            DeploymentError: not ready at the deadline (MP5101), ended before (MP5102) or address taken (MP5103).
        """
        ...

    def stop(self, process: Process) -> None:
        """End one process (TERM, then KILL after a second) and wait until it is gone."""
        ...

    def check(self) -> None:
        """Raise DeploymentError (MP5104) when a started process has ended."""
        ...

    def facts(self) -> Facts:
        """Facts of the host or cluster, under `host.`; unavailable ones with their reason."""
        ...

    def close(self) -> None:
        """End everything and remove the scratch folder. Idempotent."""
        ...
