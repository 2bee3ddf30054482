"""`meshperf report`."""

from __future__ import annotations

from pathlib import Path

import pytest

import kept_sample as sample
from meshperf.cli import main
from meshperf.experiment.bundle import Bundle, BundleView
from meshperf.experiment.verification import verify
from meshperf.store import Store


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.bundle(tmp_path_factory.mktemp("reported"))


def test_the_report_is_written_and_its_paths_are_printed(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(bundle), "--out", str(tmp_path / "out")]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert paths[0] == tmp_path / "out" / "report.html"
    assert {"report.html", "report.md", "data.csv", "data.json"} <= {path.name for path in paths}
    assert all(path.is_file() for path in paths)
    page = paths[0].read_text(encoding="utf-8")
    assert "sample" in page and "envoy" in page


@pytest.mark.parametrize("form", ["html", "md"])
def test_one_form_writes_that_form_only(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    out = tmp_path / "out"
    assert main(["report", str(bundle), "--out", str(out), "--format", form]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(out / f"report.{form}")
    written = {path.relative_to(out).parts[0] for path in out.rglob("*") if path.is_file()}
    assert f"report.{form}" in written and written <= {f"report.{form}", *(["charts"] if form == "md" else [])}


def test_a_stored_experiment_is_reported_without_its_bundle(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    monkeypatch.chdir(tmp_path)
    view = BundleView(bundle)
    with Store.open() as store:
        identity = store.save(
            tmp_path / "gone",
            view.experiment(),
            view.runs(),
            view.comparisons() or [],
            command="meshperf run sample.yaml --out gone",
            experiment_text=view.experiment_text(),
            facts=view.facts(),
        )
    assert main(["report", identity[:5], "--format", "md"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "sample-report/report.md"
    text = (tmp_path / "sample-report" / "report.md").read_text(encoding="utf-8")
    assert "meshperf run sample.yaml --out gone" in text


@pytest.mark.parametrize("inside", [".", "charts/more"])
def test_a_sealed_bundle_is_not_added_to(bundle: Path, capsys: pytest.CaptureFixture[str], inside: str) -> None:
    assert main(["report", str(bundle), "--out", str(bundle / inside)]) == 2
    assert "error[MP1002]" in capsys.readouterr().err
    assert verify(bundle).ok


def test_nothing_to_report_on_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Bundle.create(tmp_path / "b", sample.experiment(tmp_path), command="x").close()
    assert main(["report", str(tmp_path / "b"), "--out", str(tmp_path / "out")]) == 2
    assert "not judged yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_exits_5(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    for form in ([], ["--format", "html"]):
        assert main(["report", str(bundle), "--out", str(tmp_path / "file" / "out"), *form]) == 5
        assert "error[MP5401]" in capsys.readouterr().err
