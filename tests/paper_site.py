"""A site on paper: it gives out addresses and notes what it is asked to run and start, and starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from meshperf.environments.site import CpuPlan, Process, ProcessSpec
from meshperf.spec.records import Facts


class PaperSite:
    """A `Site`. In namespaces hosts are 10.99.0.1 and so on, on loopback 127.9.9.1 and so on, as they are asked for."""

    def __init__(
        self, work_dir: Path, kind: str = "local", answer: Callable[[Sequence[str]], str] | None = None
    ) -> None:
        self.kind = kind
        self.work_dir = work_dir
        self.cpus = CpuPlan(by_role={"app": (0,)}, generator_shared=True, measured_cores=1, note="")
        self.hosts: list[str] = []
        self.commands: list[tuple[str | None, list[str]]] = []
        self.started: list[ProcessSpec] = []
        self._answer = answer or (lambda argv: "")

    def address(self, host: str) -> str:
        if host not in self.hosts:
            self.hosts.append(host)
        prefix = "10.99.0" if self.kind == "netns" else "127.9.9"
        return f"{prefix}.{self.hosts.index(host) + 1}"

    def namespace(self, host: str) -> str | None:
        self.address(host)
        return f"/run/netns/mp-{host}" if self.kind == "netns" else None

    def reach(self, host: str, port: int, *, at: str | None = None) -> str:
        place = f"{at or self.address(host)}:{port}"
        return f"{place}@mp-{host}" if self.kind == "netns" else place

    def folder(self, name: str, user: tuple[int, int] | None = None) -> Path:
        path = self.work_dir / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def run(self, argv: Sequence[str], *, host: str | None = None, deadline_s: float = 30.0) -> str:
        self.commands.append((host, list(argv)))
        return self._answer(argv)

    def start(self, spec: ProcessSpec) -> Process:
        self.started.append(spec)
        return Process(
            name=spec.name, role=spec.role, pid=1, start_ticks=1, log=self.work_dir / f"{spec.name}.log", cpus=(0,)
        )

    def stop(self, process: Process) -> None: ...

    def check(self) -> None: ...

    def facts(self) -> Facts:
        return {}

    def close(self) -> None: ...
