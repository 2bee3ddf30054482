"""The ladder of rates, measured: what it tells of CPU, bytes, the machine and pods' interfaces.

A busy machine may have every round excluded by its guards; figures are read from those records then, for what is asked
here is whether they are there and fit together, and not how exact they are.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from meshperf.analysis.efficiency_study import EfficiencyStudy, efficiency_study
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import RunResult, Validity
from meshperf.spec.smp import result_from_document

from .command import ROOT, Command

pytestmark = [pytest.mark.e2e, pytest.mark.needs_native, pytest.mark.needs_envoy, pytest.mark.timeout(200)]
NOT_QUIET = "no spare attempts are left"
ARMS = ("baseline", "envoy")
PODS = """\
experiment: pods
subject: mesh
environment: netns
workload: {graph: echo, response_bytes: 512}
load:
  - {protocol: http1, rate: 200, connections: 4, arrivals: constant, warmup: 200ms, duration: 1s}
rounds: 1
arms:
  baseline: {mesh: none}
  envoy:    {mesh: envoy, mtls: strict}
"""


def measured(command: Command, file: Path, out: Path) -> list[RunResult]:
    """The runs of one attempt, whatever the guards said of them."""
    done = command.run("run", file, "--quick", "--out", out)
    assert done.returncode in (0, 1) or NOT_QUIET in done.stderr, done.stderr
    documents = [json.loads(path.read_text()) for path in (out / "results").glob("*.json")]
    if not documents:
        kept = [json.loads(path.read_text()) for path in (out / "excluded").glob("*.json")]
        last = max(one["attempt"] for one in kept)
        documents = [one["result"] for one in kept if one["attempt"] == last and one["result"] is not None]
    if done.returncode in (0, 1):
        assert "Efficiency and power" in (out / "report.html").read_text()
    runs = [result_from_document(document) for document in documents]
    return [replace(run, attempt=0, guards=(), validity=Validity()) for run in runs]


def places(study: EfficiencyStudy, place: str) -> dict[str, float]:
    found = {one.arm: one.total for one in study.wire if one.place == place and one.load_point == 0}
    return {arm: total.value for arm, total in found.items() if total is not None}


def test_the_example_tells_cpu_bytes_and_the_machine_at_every_rate(tmp_path: Path) -> None:
    runs = measured(Command(tmp_path), ROOT / "examples" / "rate-ladder.yaml", tmp_path / "out")
    study = efficiency_study(runs, baseline="baseline", arms=ARMS, objectives=[parse_objective("p90 <= 5ms")])
    (ladder,) = study.rates
    assert ladder.family.values == (100.0, 300.0, 900.0, 2700.0)
    assert [curve.arm for curve in ladder.curves] == list(ARMS)
    assert all(len(curve.points) == 4 and curve.knee is not None for curve in ladder.curves)
    (difference,) = ladder.differences
    assert difference.slope.value > 1  # two proxies are not for nothing, however busy the machine is
    assert {one.arm for one in ladder.throughput} == set(ARMS)
    for place in ("generator", "app"):
        found = places(study, place)
        assert found["envoy"] > found["baseline"] > 1024  # the body, and the headers that proxies add
    assert all(one.unavailable for one in study.wire if one.place == "app interface")
    assert all(one.node is not None and one.node.value > 0 for one in study.node)
    assert len({run.round for run in runs if run.control}) == len({run.round for run in runs})
    assert bool(study.energy) != bool(study.no_energy)


@pytest.mark.needs_netns
def test_a_pods_interface_sees_the_frames_that_no_socket_does(tmp_path: Path) -> None:
    file = tmp_path / "pods.yaml"
    file.write_text(PODS)
    runs = measured(Command(tmp_path), file, tmp_path / "out")
    study = efficiency_study(runs, baseline="baseline", arms=ARMS)
    interface, socket = places(study, "app interface"), places(study, "app")
    assert interface.keys() == socket.keys() == set(ARMS)
    # At least two frames a request with 14 bytes of Ethernet, 20 of IP and 20 of TCP each.
    assert interface["baseline"] > socket["baseline"] + 2 * 54
    assert interface["baseline"] < 2 * socket["baseline"]
    assert interface["envoy"] > interface["baseline"]
