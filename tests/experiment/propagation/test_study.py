"""A control plane study on real Envoys that watch files: every change arrives, and the records say so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from meshperf.cli import main
from meshperf.environments.local import LocalSite
from meshperf.errors import UsageError
from meshperf.experiment.propagation.study import run_study
from meshperf.spec.experiment import Arm
from meshperf.spec.propagation import ENDPOINT, ROUTE, PropagationRun, PropagationStudy

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_native]

_STUDY = PropagationStudy(
    name="files",
    environment="local",
    arms={"envoy": Arm(name="envoy", mesh="envoy")},
    proxies=(2,),
    changes=3,
    rounds=1,
    rest_s=0.1,
)


def _run(study: PropagationStudy, tmp_path: Path) -> Sequence[PropagationRun]:
    found: list[PropagationRun] = []
    run_study(study, open_site=lambda: LocalSite.open("files", None, tmp_path), on_run=found.append)
    return found


def test_every_change_reaches_every_proxy_between_its_bounds(tmp_path: Path) -> None:
    (run,) = _run(_STUDY, tmp_path)
    assert run.note == ""
    assert [change.kind for change in run.changes] == [ROUTE] * 3 + [ENDPOINT] * 3
    for change in run.changes:
        assert None not in change.high_s
        assert all(
            low is not None and high is not None and 0 <= low <= high < 10
            for low, high in zip(change.low_s, change.high_s, strict=True)
        )
    assert run.first_answer_s > 0


def test_further_services_are_taken_in_before_the_changes(tmp_path: Path) -> None:
    runs = _run(replace(_STUDY, proxies=(1,), services=(50,), changes=1), tmp_path)
    with_services = next(run for run in runs if run.services == 50)
    assert with_services.configured_s is not None
    assert with_services.configured_s > 0


def test_a_mesh_without_a_control_plane_is_refused_before_anything_starts(tmp_path: Path) -> None:
    study = replace(_STUDY, arms={"bare": Arm(name="bare", mesh="none")})
    with pytest.raises(UsageError, match="cannot be studied") as refusal:
        _run(study, tmp_path)
    assert refusal.value.code == "MP1008"


@pytest.mark.e2e
def test_the_example_runs_shortened_and_leaves_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "examples" / "control-plane.yaml").read_text()
    for old, new in (("[1, 10]", "[1, 2]"), ("[10, 100, 1000]", "[10]"), ("changes: 20", "changes: 2"),
                     ("rounds: 3", "rounds: 1"), ("rest: 2s", "rest: 100ms")):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "study.yaml"
    file.write_text(text)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["meshperf", "run", str(file), "--out", str(out), "--json"])
    assert main() == 0
    documents = json.loads(capsys.readouterr().out)
    assert [one["mesh_control_plane"]["sidecars"] for one in sorted(documents, key=lambda one: one["id"])] == [1, 1, 2]
    assert all(one["propagation"] for one in documents)
    page = (out / "report.html").read_text()
    assert "A change of a route" in page
    assert len(list((out / "runs").glob("*.json"))) == 3
