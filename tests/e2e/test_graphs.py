"""The example experiments on graphs, shortened: every service is there on both arms, and asked as the graph says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshperf.experiment.service_calls import CLAIM

from .command import ROOT, Command

pytestmark = [pytest.mark.e2e, pytest.mark.needs_native, pytest.mark.needs_envoy, pytest.mark.timeout(150)]
NOT_QUIET = "no spare attempts are left"
"""A busy machine makes rounds invalid, rightly; what was counted in them is told all the same."""


@pytest.mark.parametrize(
    ("example", "services"),
    [("graphs-chain", {"front", "middle", "back"}),
     ("graphs-bookinfo", {"productpage", "details", "reviews", "ratings"})],
)  # fmt: skip
def test_an_example_on_a_graph_runs_on_both_arms(tmp_path: Path, example: str, services: set[str]) -> None:
    command, out = Command(tmp_path), tmp_path / "out"
    done = command.run("run", ROOT / "examples" / f"{example}.yaml", "--quick", "--out", out)
    assert done.returncode == 0 or NOT_QUIET in done.stderr, done.stderr
    kept = [json.loads(path.read_text()) for path in (out / "results").glob("*.json")]
    excluded = [json.loads(path.read_text())["result"] for path in (out / "excluded").glob("*.json")]
    runs = [run for run in (*kept, *excluded) if run is not None]
    assert {run["run"]["arm"] for run in runs} == {"baseline", "envoy"}
    for run in runs:
        used = {usage["component"]: usage for usage in run["resources"]}
        assert {name for name, usage in used.items() if usage["role"] == "app"} == services
        sidecars = {f"{name}-sidecar" for name in services} if run["run"]["arm"] == "envoy" else set()
        assert sidecars <= used.keys()
        (claim,) = [claim for claim in run["claims"] if claim["claim"] == CLAIM]
        assert claim["held"], claim["evidence"]
        assert all(used[name]["calls_failed"] == 0 for name in services)
        assert run["facts"]["workload.services"]["value"] == len(services)
    assert len({run["facts"]["workload.graph_digest"]["value"] for run in runs}) == 1
    assert not command.leftovers()
