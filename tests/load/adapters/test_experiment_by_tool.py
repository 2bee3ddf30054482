"""A whole experiment by another generator: rounds, arms, control of its own, and a bundle that verifies."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshperf.cli import main
from meshperf.errors import ComparisonError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.runner import execute
from meshperf.spec import read_experiment
from meshperf.spec.records import WarningKind

TEXT = """\
experiment: by-another
subject: time
environment: local
workload: {graph: echo, response_bytes: 16}
load:
  - {protocol: http1, rate: 300, connections: 2, arrivals: constant, warmup: 0s, duration: 1s, generator: TOOL}
  - {protocol: http1, rate: 300, connections: 2, arrivals: constant, warmup: 200ms, duration: 500ms}
design: continuous
rounds: 1
seed: 1
arms: {baseline: {mesh: none}}
aa: [baseline]
"""
pytestmark = pytest.mark.needs_native


@pytest.mark.parametrize(
    "tool", [pytest.param(name, marks=pytest.mark.needs_tool(name)) for name in ("fortio", "oha", "h2load")]
)
def test_an_experiment_with_another_generator_beside_our_own(tool: str, tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(TEXT.replace("TOOL", tool))
    experiment = read_experiment(path)
    with Bundle.create(tmp_path / "out", experiment, command="test") as bundle:
        try:
            runs = execute(experiment, bundle, state_dir=tmp_path / "state", listener=lambda event: None)
        except ComparisonError as busy:
            assert busy.code == "MP4002"
            pytest.skip(f"the machine is not quiet enough to finish a round: {busy.message}")
    by_tool = [run for run in runs if run.load_point == 0]
    assert [run.resident for run in by_tool] == ["baseline", "baseline#2"]
    for run in by_tool:
        assert run.facts["load.generator"].value == run.generator.name == tool
        assert run.generator.resolution
        assert run.counts.ok == pytest.approx(300, rel=0.1)
        assert WarningKind.OTHER_GENERATOR in {warning.kind for warning in run.warnings}
        assert run.resources[0].cpu_s is not None
        assert run.resources[0].cpu_s > 0
    (own, *_) = [run for run in runs if run.load_point == 1]
    assert (own.facts["load.generator"].value, own.generator.resolution) == ("meshperf", "")
    assert judge_runs(experiment, runs)


def test_the_example_is_valid() -> None:
    assert main(["validate", str(Path(__file__).parents[3] / "examples" / "generators.yaml")]) == 0
