"""Layouts without processes, and residents that are really up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshperf.environments.local import LocalSite
from meshperf.experiment.plan import make_plan
from meshperf.experiment.residents import Deployed, deploy_round
from meshperf.meshes.envoy.layout import Layout, lay_out
from meshperf.spec.experiment import Arm, Experiment, LoadPoint, Workload
from meshperf.spec.graph import Call, Graph, GraphService, digest_of

LayOut = Callable[..., Layout]
Deploy = Callable[..., Deployed]


class AddressesOnly:
    """A site that hands out addresses and starts nothing."""

    def __init__(self, kind: str, block: str) -> None:
        self.kind, self.block = kind, block
        self.hosts: list[str] = []

    def address(self, host: str) -> str:
        if host not in self.hosts:
            self.hosts.append(host)
        return f"{self.block}.{self.hosts.index(host) + 1}"

    def reach(self, host: str, port: int, *, at: str | None = None) -> str:
        where = f"@{host}" if self.kind == "netns" else ""
        return f"{at or self.address(host)}:{port}{where}"


def graph_of(**calls: tuple[str, ...]) -> Graph:
    """Services by name with whom they call; the last one is the entry."""
    services = tuple(
        GraphService(name=name, calls=tuple(Call(to=to) for to in called)) for name, called in calls.items()
    )
    entry = services[-1].name
    return Graph(name="t", entry=entry, services=services, digest=digest_of(entry, services))


CHAIN = graph_of(back=(), middle=("back",), front=("middle",))


@pytest.fixture
def laid_out(tmp_path: Path) -> LayOut:
    def make(arm: Arm, graph: Graph | None = None, *, kind: str = "local", block: str = "127.9.0") -> Layout:
        folder = tmp_path / block
        return lay_out(AddressesOnly(kind, block), arm, arm.name, graph or graph_of(app=()), folder)  # type: ignore[arg-type]

    return make


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    with LocalSite.open("test", None, tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[LocalSite]:
    with LocalSite.open("test", None, tmp_path / "state", environment="netns") as opened:
        yield opened


@pytest.fixture
def deploy() -> Deploy:
    """Deploy a candidate arm with a baseline, as an experiment would."""

    def make(site: LocalSite, arm: Arm, graph: Graph | None = None) -> Deployed:
        arms = {"baseline": Arm(name="baseline", mesh="none"), arm.name: arm}
        workload = Workload() if graph is None else Workload(graph=graph.name, services=graph)
        experiment = Experiment(
            name="t", subject=("mesh",), load=(LoadPoint(rate=10),), rounds=1, arms=arms, workload=workload
        )
        return deploy_round(site, make_plan(experiment).rounds[0], workload, note=lambda text: None)[1]

    return make
