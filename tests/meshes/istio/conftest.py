"""What the tests of Istio's adapter share: layouts of a site that only hands out addresses, arms, recorded answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from graphs import ECHO
from meshperf.environments.site import Site
from meshperf.meshes.istio.layout import Layout
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.graph import Graph


class _Addresses:
    """A site of which only the addresses are used: the first host has 10.64.0.1."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def address(self, host: str) -> str:
        if host not in self.hosts:
            self.hosts.append(host)
        return f"10.64.0.{self.hosts.index(host) + 1}"


def _layout_of(graph: Graph = ECHO) -> Layout:
    return Layout.of(cast(Site, _Addresses()), "istio", graph)


def _arm_of(functions: Functions | None = None, **settings: Any) -> Arm:
    given: Mapping[str, Any] = {"mtls": "strict", **settings}
    return Arm(name="istio", mesh="istio", functions=functions or Functions(), **given)


@pytest.fixture
def layout_of() -> Any:
    """`layout_of(graph)`: the layout of a graph, of an echo service without one."""
    return _layout_of


@pytest.fixture
def arm_of() -> Any:
    """`arm_of(functions, **settings)`: an arm of Istio with mutual TLS."""
    return _arm_of


@pytest.fixture
def recorded() -> Path:
    """Answers of an Istio that carried an echo service."""
    return Path(__file__).parent / "recorded"
