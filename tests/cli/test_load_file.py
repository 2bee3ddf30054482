"""`meshperf load` with an SMP test: all its runs on stdout, in the standard's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from meshperf.cli import main
from meshperf.cli.load_file import is_test_file
from meshperf.spec.smp import result_from_document
from tests.load.conftest import Workload, start_workload, workload  # noqa: F401  (fixtures)

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a test of the clients given; further keys of the test by name."""

    def make(*clients: dict[str, object], **test: object) -> str:
        path = tmp_path / "test.yaml"
        whole = {"name": "t", "duration": "200ms", "warmup_s": 0.1, "clients": list(clients), **test}
        path.write_text(json.dumps({"test": whole, "mesh": {"type": "NO_MESH"}}))
        return str(path)

    return make


def test_a_file_is_told_from_a_url(tmp_path: Path) -> None:
    assert is_test_file("gone.yaml")
    assert is_test_file(str(tmp_path))
    assert not is_test_file("http://127.0.0.1/a.yaml")
    assert not is_test_file("127.0.0.1:8080")


@pytest.mark.needs_native
def test_one_run_is_one_document_and_several_are_an_array(
    workload: Workload,  # noqa: F811
    write: Write,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = f"http://{workload.address}"
    main(["load", write({"rps": 100, "endpoint_urls": [f"{url}/a"]}), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert result_from_document(document).counts.ok == 20
    main(["load", write({"rps": 100, "endpoint_urls": [f"{url}/a", f"{url}/b"]}, repetitions=2), "--json"])
    documents = json.loads(capsys.readouterr().out)
    assert [one["run"]["arm"] for one in documents] == [f"{url}/a", f"{url}/b", f"{url}/a", f"{url}/b"]
    assert [one["run"]["round"] for one in documents] == [0, 1, 2, 3]


@pytest.mark.needs_native
def test_weighted_targets_share_one_run(
    workload: Workload,  # noqa: F811
    write: Write,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = f"http://{workload.address}"
    targets = [{"url": f"{url}/a", "weight": 3}, {"url": f"{url}/b"}]
    main(["load", write({"rps": 200, "connections": 2, "targets": targets}), "--json"])
    run = result_from_document(json.loads(capsys.readouterr().out))
    assert run.counts.ok == 40
    assert run.connections["opened"] == 4
    assert run.facts["load.mix"].value == f"{url}/a: 0.75, {url}/b: 0.25"


@pytest.mark.needs_native
def test_stages_are_counted_and_a_cool_down_is_not(
    workload: Workload,  # noqa: F811
    write: Write,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    stages = [{"duration_s": 0.2, "rate_start": 100}, {"duration_s": 0.2, "rate_start": 100, "rate_end": 300}]
    file = write({"endpoint_urls": [f"http://{workload.address}/"]}, duration="400ms", stages=stages, cooldown_s=0.2)
    main(["load", file, "--json"])
    run = result_from_document(json.loads(capsys.readouterr().out))
    assert run.counts.offered == 20 + 40
    assert run.measured_s == pytest.approx(0.4, rel=0.05)
    assert [one.counts.offered for one in run.slices] == [20, 40]
    assert run.offered_rps == pytest.approx(150)
    out = tmp_path / "out"
    main(["run", file, "--out", str(out)])
    capsys.readouterr()
    assert main(["verify", str(out)]) == 0


@pytest.mark.needs_native
def test_a_broken_objective_is_told_and_fails(
    workload: Workload,  # noqa: F811
    write: Write,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    client = {"rps": 100, "endpoint_urls": [f"http://{workload.address}/"]}
    file = write(client, objectives=["p50 <= 1ns", "errors <= 1%"])
    code = main(["load", file])
    told = capsys.readouterr().out
    assert "objective p50 <= 1ns: broken" in told
    assert "objective errors <= 1%: held, 0.000%" in told
    assert code == (1 if "verdict on the run: valid" in told else 4)
    code = main(["run", file, "--out", str(tmp_path / "out")])
    assert code == (1 if "verdict on the run: valid" in capsys.readouterr().out else 4)


@pytest.mark.needs_native
def test_a_kind_of_test_has_its_answer(
    workload: Workload,  # noqa: F811
    write: Write,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = json.dumps({"kind": {"rates": [50, 100], "step": "200ms"}})
    client = {"endpoint_urls": [f"http://{workload.address}/"], "additional_options": options}
    main(["load", write(client, kind="SWEEP", arrival="OPEN_CONSTANT", duration="10s"), "--json"])
    kind = result_from_document(json.loads(capsys.readouterr().out)).kind
    assert kind is not None
    assert sorted(step.offered_rps for step in kind.steps if step.label == "step") == [50, 100]


def test_an_option_that_the_file_decides_is_refused(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", write({"endpoint_urls": ["http://127.0.0.1:1/"]}), "--connections", "4"]) == 2
    assert "--connections has no meaning with a file" in capsys.readouterr().err


def test_an_experiment_is_pointed_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "e.yaml"
    path.write_text("experiment: e\nsubject: mesh\nload: [{rate: 5, duration: 1s}]\narms: {b: {mesh: none}}\n")
    assert main(["load", str(path)]) == 2
    assert f"meshperf run {path}" in capsys.readouterr().err
