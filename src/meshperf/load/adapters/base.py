"""What an adapter of another load generator must provide.

An adapter is a record of data and pure functions: what the tool is able to do, the command line for one phase of a
plan, and where its latencies count from. It starts nothing: `child` runs the command, `session` puts phases together.
So a command line can be looked at, and tried in a test, without the tool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meshperf.histograms import Histogram
from meshperf.load.plan import Arrivals, Phase, Protocol, Target
from meshperf.spec.imported import Bucket, Imported, LatencyOrigin, LoopModel

__all__ = ["Abilities", "Adapter", "Asked", "Command", "Samples", "always", "closed_or"]

Samples = Callable[[Path], Histogram]
"""Reads every successful reply's time from a file that the tool wrote. Raises ValueError: it is not such a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One phase of load on one target, for a tool that runs once for it."""

    target: Target
    phase: Phase
    threads: int
    """Cores that the tool may use."""
    folder: Path
    """Scratch that only this user can read; `Command.files` are put there."""

    @property
    def rate(self) -> float | None:
        """Offered requests per second; None in a closed loop."""
        return None if self.phase.arrivals is Arrivals.CLOSED else self.phase.rate

    @property
    def concurrency(self) -> int:
        """Requests that may be under way at a time."""
        return self.target.connections * self.target.streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How to run a tool once."""

    arguments: Sequence[str]
    """After the program. Never through a shell."""
    result: str | None = None
    """Name of the file with the result, in the scratch folder; None: what was printed on standard output."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Files to put into the scratch folder first, by name, readable by this user only: secrets go here."""
    environment: Mapping[str, str] = field(default_factory=dict)
    then: Sequence[str] = ()
    """Arguments of a second call of the program that turns its own result into a form that can be read, on standard
    output; empty: none is needed."""
    samples: str | None = None
    """Name of a file with every single latency, in the scratch folder."""
    notes: Sequence[str] = ()
    """What of the phase is not as it was asked for, in sentences for the result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What of a plan a tool can honour. What it cannot is refused by `fitting`, or noted in the result."""

    protocols: frozenset[Protocol]
    closed: bool = True
    paced: bool = True
    """Holds a constant rate."""
    tls: bool = False
    verifies: bool = False
    """Verifies the server's certificate against a CA that is named."""
    client_certificate: bool = False
    server_name: bool = False
    """Can send a server name that is not the address."""
    streams: bool = False
    method: bool = True
    headers: bool = True
    body: bool = True
    host: bool = True
    redirects: bool = False
    new_connections: bool = False
    """A new connection for each request."""
    source_address: bool = False
    timeout: bool = True
    reply_bytes: bool = False
    hidden_headers: bool = True
    """Headers go through a file; otherwise they stand in the process list while the tool runs."""
    hidden_body: bool = True
    whole_seconds: bool = False
    least_s: float = 0.0
    """Shortest run that the tool makes sense of [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A load generator of others."""

    name: str
    """The word of `generator` in files and of `--generator`."""
    program: str
    variable: str
    """Environment variable that names the program: `FORTIO_BIN`."""
    abilities: Abilities
    form: str | None
    """Form of its results in `interchange`; None: detected by content."""
    command: Callable[[Asked], Command]
    origin: Callable[[Asked], LatencyOrigin]
    """Where its latencies count from when it is run like that."""
    loop: Callable[[Asked], LoopModel]
    model: str
    """How it uses connections, in words."""
    install: str
    """How to get it."""
    version_arguments: Sequence[str] = ("--version",)
    version_pattern: str = r"(\d+\.\d+(?:\.\d+)?[\w.+-]*)"
    samples: Samples | None = None
    failures: Callable[[Imported], tuple[Bucket, ...] | None] | None = None
    """The times of failed requests in buckets, for a tool that has them in the same distribution and apart; None where
    the result does not have them apart."""
    fine_codes: Sequence[int] = (0,)
    """Exit codes of a run whose result can be read."""
    proven: bool = True
    """It was run against the real tool; otherwise only against its documented options and recorded results."""


def always(value: LatencyOrigin) -> Callable[[Asked], LatencyOrigin]:
    """An origin that no option changes."""
    return lambda asked: value


def closed_or(paced: LoopModel) -> Callable[[Asked], LoopModel]:
    """`paced` with a rate; a closed loop without."""
    return lambda asked: LoopModel.CLOSED if asked.rate is None else paced
