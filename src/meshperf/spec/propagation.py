"""A control plane study and what it found, as frozen records: how long changes take, and what the control plane costs.

`propagation_reading` turns a file into a `PropagationStudy`; `experiment.propagation` fills the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshperf.spec.experiment import Arm
from meshperf.spec.records import Facts

__all__ = ["ENDPOINT", "ROUTE", "ChangeRecord", "PlaneUsage", "PropagationRun", "PropagationStudy"]

ROUTE, ENDPOINT = "route", "endpoint"
"""What is changed: the answer that a route gives, or the endpoint that a service is sent to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationStudy:
    """Which control planes are asked, with how many proxies and services, and how often."""

    name: str
    environment: str = "netns"
    arms: Mapping[str, Arm]
    proxies: tuple[int, ...] = (1, 10)
    services: tuple[int, ...] = ()
    """Further services that are configured, each tried with the smallest number of proxies."""
    changes: int = 20
    """Of each kind, per deployment."""
    rounds: int = 3
    """Fresh deployments."""
    rest_s: float = 5.0
    """How long the control plane is watched while nothing happens."""
    period_s: float | None = None
    """From one probe of a proxy to the next; None: as short as the number of proxies allows."""
    deadline_s: float = 30.0
    """After which a proxy is given up."""
    seed: int = 1
    path: Path | None = None
    digest: str = ""

    def cells(self) -> tuple[tuple[int, int], ...]:
        """(proxies, services) of every deployment of a round."""
        return (*((count, 0) for count in self.proxies), *((min(self.proxies), count) for count in self.services))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """One change: when each proxy had it, in seconds after it was handed in."""

    kind: str
    """`route` or `endpoint`."""
    low_s: tuple[float | None, ...]
    """By proxy, not before this; None: not within the deadline."""
    high_s: tuple[float | None, ...]
    """By proxy, at the latest at this."""
    handed_in_s: float
    period_s: float
    """Longest time between two probes of one proxy: bounds the error."""
    relapses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneUsage:
    """What one process of the control plane used over a stretch."""

    component: str
    stretch: str
    """`rest`, `configuring` (the further services were handed in) or `churn` (one change after another)."""
    wall_s: float
    cpu_s: float | None
    private_bytes: int | None
    """At the end of the stretch."""
    changes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationRun:
    """One fresh deployment of one arm with a number of proxies and services."""

    arm: str
    round: int
    proxies: int
    services: int
    probe_period_s: float
    """As asked for; what was reached stands in each change."""
    first_answer_s: float
    """From the start of the first process until every proxy answered as configured."""
    configured_s: float | None = None
    """From handing in the further services until a change after them had arrived everywhere; None: there are none."""
    changes: tuple[ChangeRecord, ...] = ()
    usage: tuple[PlaneUsage, ...] = ()
    facts: Facts = field(default_factory=dict)
    note: str = ""
    """Why it was broken off; empty when it was not."""
