"""What a comparison needs to know of a load generator: its command line for a load, and how to read what it prints.

A tool is a record of two functions, so that a reader can be tried on a kept sample of its output without the tool.
Readers translate the tool's own figures and compute none: what a tool does not report is None.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.load.plan import Protocol

TOOLS = Path(__file__).resolve().parents[2] / ".venv" / "tools"
"""Where `tools.sh` puts what it builds, each with a file `.NAME.version`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One run: closed loop, or at a constant rate; numbers are those of all connections together."""

    protocol: Protocol
    address: str
    """`ip:port`."""
    connections: int
    folder: Path
    """For what a tool wants to have in files."""
    seconds: float
    streams: int = 1
    """Requests under way at a time on one connection (HTTP/2, gRPC)."""
    rate: float | None = None
    """Requests per second; None: as many as come back."""
    poisson: bool = False
    """At random moments instead of even ones."""
    ca: Path | None = None
    """TLS, and what the server's chain ends in; None: clear text."""
    message_bytes: int = 24
    """TCP and UDP: of one message."""

    @property
    def url(self) -> str:
        return f"{'http' if self.ca is None else 'https'}://{self.address}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a tool says of its run. Durations in seconds, None where it does not say."""

    requests: int
    """Successful ones."""
    rate: float
    """Achieved, per second."""
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    mean: float | None = None
    note: str = ""
    """What else it says that a reader of its figures has to know: dropped load, errors, its verdict on itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A load generator."""

    name: str
    program: str
    """On PATH, or one of ours in `.venv/tools`."""
    command: Callable[[Load], Sequence[str]]
    """Arguments after the program's name. They may write into the load's folder."""
    read: Callable[[str, Load], Report]
    """From what was printed; ValueError where that is not a report."""
    speaks: frozenset[Protocol]
    paced: bool = True
    """Whether it can hold a constant rate."""
    closed: bool = True
    """Whether it can run a closed loop."""
    tls: bool = False
    poisson: bool = False
    idle: Sequence[str] = ("--version",)
    """Arguments with which it starts, does nothing and ends."""
    package: str | None = None
    """Debian's package, to ask for the version of a program that does not tell."""
    latency_from: str = "send"
    """`send` or `schedule`: which start its durations are counted from at a constant rate."""

    def path(self) -> str | None:
        return shutil.which(self.program, path=str(TOOLS)) or shutil.which(self.program)

    def version(self) -> str | None:
        """None: it is not installed."""
        path = self.path()
        if path is None:
            return None
        record = TOOLS / f".{self.program}.version"
        if Path(path).parent == TOOLS and record.is_file():
            return record.read_text().strip()
        if self.package is not None:
            query = ["dpkg-query", "-W", "-f", "${Version}", self.package]
            asked = subprocess.run(query, capture_output=True, text=True)
            return asked.stdout.strip() or "unknown"
        asked = subprocess.run([path, *self.idle], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+[\w.-]*", asked.stdout + asked.stderr)
        return found[0] if found else "unknown"

    def can(self, load: Load) -> bool:
        paced = self.closed if load.rate is None else self.paced
        return (
            load.protocol in self.speaks
            and paced
            and (self.tls or load.ca is None)
            and (self.poisson or not load.poisson)
        )

    def line(self, load: Load) -> list[str]:
        """The whole command. Raises FileNotFoundError: the tool is not installed."""
        path = self.path()
        if path is None:
            raise FileNotFoundError(f"{self.program} is not installed")
        return [path, *self.command(load)]


def matched(pattern: str, text: str, tool: str) -> re.Match[str]:
    """The first match. Raises ValueError: there is none, so this is not the report of a finished run."""
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{tool} printed no report: {text.strip()[-200:] or 'nothing'}")
    return found


def in_seconds(written: str) -> float:
    """`374.62us`, `1.21ms`, `2.00s`, `1.50m` as Go and wrk write it, in seconds."""
    number, unit = matched(r"^([\d.]+)(ns|us|µs|ms|s|m)$", written, "a duration").groups()
    return float(number) * {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[unit]
