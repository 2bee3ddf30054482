"""Two clusters with a link between them, and pods of a certain size: what was asked for is what the runs saw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .command import ROOT, Command

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs_native,
    pytest.mark.needs_envoy,
    pytest.mark.needs_netns,
    pytest.mark.timeout(200),
]
NOT_QUIET = "no spare attempts are left"
LIMITED = """\
experiment: small-nodes
subject: [node_type]
environment: netns
workload: {graph: echo, service_time: 200us, busy: true}
load:
  - {protocol: http1, arrivals: closed, connections: 4, warmup: 200ms, duration: 1s}
design: continuous
rounds: 1
arms:
  baseline: {mesh: none}
matrix:
  - {vary: {limits.server.cpu: [0.05, 2]}}
"""


def _runs(out: Path) -> list[dict[str, Any]]:
    kept = [json.loads(path.read_text()) for path in (out / "results").glob("*.json")]
    excluded = [json.loads(path.read_text())["result"] for path in (out / "excluded").glob("*.json")]
    return [run for run in (*kept, *excluded) if run is not None]


def test_every_arm_crosses_a_link_of_the_delay_that_was_asked_for(tmp_path: Path) -> None:
    command, out = Command(tmp_path), tmp_path / "out"
    done = command.run("run", ROOT / "examples" / "multi-cluster.yaml", "--quick", "--out", out)
    assert done.returncode == 0 or NOT_QUIET in done.stderr, done.stderr
    runs = _runs(out)
    assert {run["run"]["arm"] for run in runs} == {
        f"{arm}.link_delay-{delay}" for arm in ("baseline", "envoy") for delay in ("0ms", "1ms")
    }
    for run in runs:
        delay_s = 0.001 if run["run"]["arm"].endswith("1ms") else 0.0
        facts = {name: fact.get("value") for name, fact in run["facts"].items()}
        assert facts["topology.clusters"] == 2
        assert facts["topology.link_delay_s"] == delay_s
        assert facts["topology.link_rtt_s"] >= 2 * delay_s
        # Every request crosses the link twice; nothing of it can be answered sooner.
        assert run["latencies_ms"]["min"] >= 2000 * delay_s
        used = {usage["component"]: usage for usage in run["resources"]}
        assert used["link"]["role"] == "link"
    assert not command.leftovers()


def test_a_small_node_is_throttled_and_a_large_one_is_not(tmp_path: Path) -> None:
    command, out = Command(tmp_path), tmp_path / "out"
    file = tmp_path / "limited.yaml"
    file.write_text(LIMITED)
    done = command.run("run", file, "--out", out)
    assert done.returncode == 0 or NOT_QUIET in done.stderr, done.stderr
    told = {run["run"]["arm"]: run["facts"] for run in _runs(out)}
    small, large = told["baseline.cpu-0_05"], told["baseline.cpu-2"]
    assert small["limits.server"]["value"] == "0.05 cores, any memory"
    assert "throttled in 0 of" not in small["limits_pressure.server"]["value"]
    assert "throttled in 0 of" in large["limits_pressure.server"]["value"]
    assert not command.leftovers()
