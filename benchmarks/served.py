"""A workload of known behaviour for a benchmark, and one engine session against it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from meshperf.environments.local import LocalSite
from meshperf.load.native import NativeSession
from meshperf.load.plan import Arrivals, Phase, SessionPlan, Target
from meshperf.load.recording import SessionRecording
from meshperf.spec.experiment import Workload
from meshperf.workloads import start_echo


@contextmanager
def served(*workloads: Workload) -> Iterator[tuple[LocalSite, Sequence[str]]]:
    """Start workloads in a local site; yields the site and their addresses."""
    with tempfile.TemporaryDirectory() as state, LocalSite.open("benchmark", None, Path(state)) as site:
        addresses = []
        for number, workload in enumerate(workloads):
            name = f"app-{number}"
            _, endpoint = start_echo(
                site, workload, name=name, host=name, port=8080, tls=None, trusted_peer=None
            )  # fmt: skip
            addresses.append(endpoint.address)
        yield site, addresses


def run(site: LocalSite, addresses: Sequence[str], phases: Sequence[Phase], *, connections: int) -> SessionRecording:
    """Run phases with one worker on the generator's core; targets are the addresses in order."""
    targets = tuple(
        Target(name=address, address=address, host="bench.meshperf", connections=connections) for address in addresses
    )
    with NativeSession.open(SessionPlan(targets=targets, cpus=site.cpus.cpus_for("generator")[:1])) as session:
        return session.run(phases)


def open_loop(rate: float, duration_s: float, *, target: int = 0, seed: int = 1, label: str = "") -> Phase:
    """Constant arrivals."""
    return Phase(
        target=target, duration_s=duration_s, arrivals=Arrivals.CONSTANT, rate=rate, seed=seed, label=label
    )  # fmt: skip


def closed_loop(duration_s: float, *, target: int = 0) -> Phase:
    """As fast as replies come."""
    return Phase(target=target, duration_s=duration_s, arrivals=Arrivals.CLOSED)
