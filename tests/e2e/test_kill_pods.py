"""`kill -9`, a short form of `python -m benchmarks kill`: nothing is left after the next start, no round is lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.kill_anywhere import Ground, completed, kill_meshperf, kill_single
from benchmarks.unguarded import UnguardedCommand

from .traces import Traces

pytestmark = [pytest.mark.e2e, pytest.mark.needs_native, pytest.mark.needs_netns]


@pytest.mark.parametrize(
    ("mesh", "environment"),
    [
        pytest.param("envoy", "local", marks=pytest.mark.needs_envoy),
        pytest.param("transparent", "netns", marks=pytest.mark.needs_envoy),
        pytest.param("consul", "netns", marks=[pytest.mark.needs_envoy, pytest.mark.needs_consul]),
        pytest.param("istio", "netns", marks=[pytest.mark.needs_envoy, pytest.mark.needs_istio]),
    ],
)
def test_kills_leave_nothing_after_the_next_start_and_lose_no_round(
    tmp_path: Path, mesh: str, environment: str
) -> None:
    command, moments = UnguardedCommand(tmp_path), random.Random(6)
    with Traces(command=command) as traces:
        ground = Ground(folder=tmp_path, mesh=mesh, environment=environment, rounds=4, command=command, traces=traces)
        findings = [
            # A round takes about two seconds here, and so do the moments reach over all of it.
            *kill_meshperf(ground, 4, moments, longest_s=2.5),
            *kill_single(ground, 3, moments, longest_s=1.5),
            *completed(ground),
        ]
    missed = [f"{finding.what}: {finding.figure}" for finding in findings if finding.met is not True]
    assert missed == []
    assert traces.sites, "something was deployed and killed"
