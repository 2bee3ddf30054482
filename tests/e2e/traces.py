"""What meshperf may leave behind on a machine, seen from outside: noted while it runs, looked for when it ended.

A site tells in its state file what it made. Reading that file while meshperf lives gives names to look for later, so
that other sites on the same machine disturb nothing.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from .command import Command

NAMESPACES = Path("/run/netns")
LOOK_EVERY_S = 0.05


@dataclass(kw_only=True)
class SeenSite:
    """One site as its state file told it."""

    state_file: Path
    processes: dict[tuple[int, int], str] = field(default_factory=dict)
    """Name by pid and start ticks; the supervisor too."""
    namespaces: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    scratch: str = ""

    def note(self, told: Mapping[str, Any]) -> None:
        named = {**told["processes"], **({"supervisor": told["supervisor"]} if told["supervisor"] else {})}
        self.processes |= {(pid, ticks): name for name, (pid, ticks) in named.items()}
        self.namespaces |= set(told.get("namespaces", {}).values())
        self.groups |= set(told.get("groups", ()))
        self.scratch = told["scratch"]

    def running(self) -> dict[str, int]:
        """Pid by name of its processes that are alive."""
        return {name: pid for (pid, ticks), name in list(self.processes.items()) if alive(pid, ticks)}

    def left(self) -> list[str]:
        """Everything of it that is still there; empty when nothing is."""
        mounts = Path("/proc/self/mountinfo").read_text()
        found = [f"process {name} ({pid})" for name, pid in self.running().items()]
        found += [f"process {pid} inside {name}" for name, pid in inhabitants(self.namespaces)]
        found += [f"namespace {name}" for name in self.namespaces if (NAMESPACES / name).exists()]
        found += [f"mount of {name}" for name in self.namespaces if f"/{name} " in mounts]
        found += [f"control group {folder}" for folder in self.groups if Path(folder).exists()]
        found += [f"scratch folder {self.scratch}"] if Path(self.scratch).exists() or self.scratch in mounts else []
        found += [f"state file {self.state_file.name}"] if self.state_file.exists() else []
        return found


@dataclass(kw_only=True)
class Traces:
    """Watches the state files of one `Command`, as a context manager; may be asked at any time, also afterwards."""

    command: Command
    sites: dict[str, SeenSite] = field(default_factory=dict)
    """By name of the state file, in the order in which they were seen."""
    rules: str = ""
    """Of this machine's own network, before anything began."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _watcher: threading.Thread | None = None

    def __enter__(self) -> Traces:
        self.rules = host_rules()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        assert self._watcher is not None
        self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        """Note what the sites that are open now have made."""
        for path in sorted((self.command.folder / "state").glob("site-*.json")):
            try:
                told = json.loads(path.read_text())
            except (OSError, ValueError):
                continue  # it was removed in between
            self.sites.setdefault(path.name, SeenSite(state_file=path)).note(told)

    @property
    def current(self) -> SeenSite | None:
        """The site that is open; None between two rounds."""
        there = [site for site in list(self.sites.values()) if site.state_file.exists()]
        return there[-1] if there else None

    def left(self) -> list[str]:
        """Everything that any of the sites left, and what lies in the folder for scratch; empty when nothing does."""
        found = [trace for site in list(self.sites.values()) for trace in site.left()]
        found += [f"process in scratch ({process.pid})" for process in self.command.leftovers()]
        found += [f"in the scratch folder: {path.name}" for path in self.command.scratch.iterdir()]
        found += ["rules of this machine's own network"] if host_rules() != self.rules else []
        return found


def alive(pid: int, ticks: int) -> bool:
    """Whether exactly this process runs; a zombie does not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[19]) == ticks and fields[0] != "Z"


def inhabitants(namespaces: set[str]) -> list[tuple[str, int]]:
    """Who is inside: name of the namespace and pid. Told by what the kernel says of each process, not by a list."""
    inside = {}
    for name in namespaces:
        try:
            seen = (NAMESPACES / name).stat()
        except OSError:
            continue
        inside[seen.st_dev, seen.st_ino] = name
    found = []
    for entry in Path("/proc").iterdir() if inside else ():
        try:
            seen = (entry / "ns" / "net").stat() if entry.name.isdigit() else None
        except OSError:
            continue
        if seen is not None and (seen.st_dev, seen.st_ino) in inside:
            found.append((inside[seen.st_dev, seen.st_ino], int(entry.name)))
    return found


def host_rules() -> str:
    """The iptables rules of this machine's own network, without counters; empty where there is no iptables."""
    try:
        told = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return "\n".join(line for line in told.splitlines() if line.startswith("-A"))
