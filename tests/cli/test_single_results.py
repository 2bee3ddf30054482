"""`show` and `report` of result documents that stand by themselves: what `meshperf load --json` printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import run_sample
from meshperf.cli import main
from meshperf.spec.smp import result_to_document


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(result_to_document(run_sample.capacity()), indent=2), encoding="utf-8")
    return path


def test_a_result_is_shown_in_full(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(result)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    for words in ("The load generator on itself", "highest rate that holds", "The run over time", "The run is valid."):
        assert words in said.out


def test_a_list_of_results_is_shown_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs.json"
    runs = [run_sample.single(run_id="a", arm="http://127.0.0.1/"), run_sample.udp()]
    path.write_text(json.dumps([result_to_document(run) for run in runs]), encoding="utf-8")
    assert main(["show", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.index("load: http://127.0.0.1/") < said.index("What became of the datagrams")
    assert main(["show", str(path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["runs"]
    assert [run["run_id"] for run in shown] == ["a", "load-0"]
    assert shown[0]["receive_clock"] == "kernel"
    assert shown[0]["censored"] == 80


def test_a_result_has_a_report_with_its_chart_over_time(
    result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["report", str(result), "--out", str(out)]) == 0
    written = {Path(line).relative_to(out).as_posix() for line in capsys.readouterr().out.splitlines()}
    assert {"report.html", "report.md", "data.csv", "charts/series.svg"} <= written
    assert "The answer of the capacity test" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "code"),
    [("[]", "MP2201"), ('{"format": "result/9"}', "MP2201"), ("{", "MP2002"), ('[{"format": "result/1"}]', "MP2102")],
)
def test_a_file_that_is_no_result_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: str
) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    assert main(["show", str(path)]) == 2
    said = capsys.readouterr().err
    assert f"error[{code}]" in said
    assert "run.json" in said


def test_rounds_that_were_not_judged_yet_are_no_single_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "round.json"
    sliced = run_sample.sample_round()
    path.write_text(json.dumps(result_to_document(sliced)), encoding="utf-8")
    assert main(["show", str(path)]) == 0
    assert "not judged yet" in capsys.readouterr().err
