"""`meshperf export`."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import kept_sample
import run_sample
from imported_samples import SAMPLES
from meshperf.cli import main
from meshperf.cli.export import FORMATS
from meshperf.cli.export_run import formats
from meshperf.experiment.bundle import BundleView
from meshperf.experiment.verification import verify
from meshperf.interchange.reading import read_file
from meshperf.spec.smp import write_result
from meshperf.store import Store

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_sample.bundle(tmp_path_factory.mktemp("exported"))


def test_the_help_names_every_format_that_there_is(capsys: Captured) -> None:
    assert tuple(name for name, _ in formats()) == FORMATS
    assert main(["export", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(FORMATS)


def test_data_goes_to_stdout_and_what_is_lost_to_stderr(bundle: Path, capsys: Captured) -> None:
    assert main(["export", str(bundle), "--to", "csv"]) == 0
    told = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(told.out)))
    assert len(rows) == 9 and {row["arm"] for row in rows} == {"baseline", "envoy"}
    assert "csv has no place for: the distribution behind the percentiles" in told.err
    assert "CPU and memory of the components" in told.err


def test_a_folder_gets_a_file_for_each_result_of_a_format_that_holds_one(
    bundle: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "fortio-data"
    assert main(["export", str(bundle), "--to", "fortio", "--out", f"{out}/"]) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{run.run_id}.json" for run in BundleView(bundle).runs()
    )
    assert all(next(read_file(path)).source.tool == "fortio" for path in out.iterdir())
    told = capsys.readouterr()
    assert told.out == "" and "fortio's readers take every time as measured from the actual send" in told.err


def test_a_folder_gets_one_file_of_the_other_formats(bundle: Path, tmp_path: Path) -> None:
    assert main(["export", str(bundle), "--to", "openmetrics", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "results.om.txt").read_text().endswith("# EOF\n")


def test_results_of_several_tools_become_one_table(bundle: Path, capsys: Captured) -> None:
    files = [str(SAMPLES / "fortio-http.json"), str(SAMPLES / "wrk2.txt")]
    assert main(["export", str(bundle), *files, "--to", "csv"]) == 0
    tools = [row["tool"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert tools == ["meshperf"] * 9 + ["fortio", "wrk2"]


def test_a_dialect_loses_nothing_unless_it_is_allowed(bundle: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "standard.json"
    assert main(["export", str(bundle), "--to", "smp-go", "--out", str(out)]) == 2
    assert "error[MP2203]" in capsys.readouterr().err and not out.exists()
    assert main(["export", str(bundle), "--to", "smp-go", "--out", str(out), "--lossy"]) == 0
    assert "/latency_distribution" in capsys.readouterr().err
    assert len(json.loads(out.read_text())) == 9


def test_a_result_that_a_format_cannot_hold_is_left_out_only_when_allowed(
    bundle: Path, tmp_path: Path, capsys: Captured
) -> None:
    sources, out = [str(bundle), str(SAMPLES / "wrk.txt")], tmp_path / "all.hlog"
    assert main(["export", *sources, "--to", "hdr-log", "--out", str(out)]) == 2
    assert "hdr-log needs an exact histogram" in capsys.readouterr().err and not out.exists()
    assert main(["export", *sources, "--to", "hdr-log", "--out", str(out), "--lossy"]) == 0
    assert out.read_text().count("Tag=") == 9
    assert "left out: hdr-log needs an exact histogram" in capsys.readouterr().err
    assert main(["export", str(SAMPLES / "wrk.txt"), "--to", "hdr-log", "--lossy"]) == 2


def test_a_stored_experiment_is_exported_by_its_id(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    view = BundleView(bundle)
    of = kept_sample.experiment(tmp_path)
    with Store.open() as store:
        store.save(
            bundle, of, list(view.runs()), list(view.comparisons() or ()), command="c", experiment_text="", facts={}
        )
    identity = view.manifest().experiment_id
    assert main(["export", identity[:6], "--to", "otlp"]) == 0
    assert len(json.loads(capsys.readouterr().out)["resourceMetrics"]) == 9
    assert main(["export", identity, "--to", "sarif"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"
    assert main(["export", "no-such-id", "--to", "csv"]) == 2
    assert "MP1004" in capsys.readouterr().err


def test_a_stored_result_of_another_tool_is_exported_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    assert main(["import", str(SAMPLES / "fortio-http.json"), "--store", "--json"]) == 0
    (stored,) = json.loads(capsys.readouterr().out)
    assert main(["export", stored["id"], "--to", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["tool"], row["source_file"]) == ("fortio", "fortio-http.json")
    assert float(row["p50_service_time_s"]) == next(one["value_s"] for one in stored["percentiles"] if one["p"] == 50)


def test_what_was_asked_becomes_test_cases(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "junit.xml"
    assert main(["export", str(bundle), "--to", "junit", "--out", str(out)]) == 0
    names = [case.get("name") for case in ElementTree.parse(out).iter("testcase")]
    assert "envoy: p90 <= 50ms" in names and "the arms are comparable" in names


def test_the_summary_of_a_single_result_tells_its_validity(tmp_path: Path, capsys: Captured) -> None:
    write_result(run_sample.single(), tmp_path / "run.json")
    assert main(["export", str(tmp_path / "run.json"), "--to", "markdown"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# load\n") and "not-sustained" in text


def test_nothing_is_written_into_a_bundle(bundle: Path, capsys: Captured) -> None:
    for out in (bundle / "runs.csv", bundle, bundle / "results"):
        assert main(["export", str(bundle), "--to", "csv", "--out", str(out)]) == 2
        assert "MP1002" in capsys.readouterr().err
    assert verify(bundle).ok


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--to", "csv"],
        [str(SAMPLES / "wrk.txt")],
        [str(SAMPLES / "wrk.txt"), "--to", "pdf"],
        [str(SAMPLES / "wrk.txt"), "--to", "csv", "--from", "no-such-form"],
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(arguments: list[str], capsys: Captured) -> None:
    assert main(["export", *arguments]) == 2
    told = capsys.readouterr()
    assert "error[MP1001]" in told.err and told.out == ""


def test_a_form_with_a_verdict_takes_no_options_of_reading(bundle: Path, capsys: Captured) -> None:
    assert main(["export", str(bundle), "--to", "junit", "--lossy"]) == 2
    assert "error[MP1002]" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(bundle: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert main(["export", str(bundle), "--to", "csv", "--out", str(tmp_path / "file" / "runs.csv")]) == 5
    assert "error[MP5401]" in capsys.readouterr().err
