"""`meshperf compare`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import imported_samples
import kept_sample
import ladder_sample
from meshperf.cli import main
from meshperf.experiment.bundle_reading import open_bundle
from meshperf.spec import read_experiment
from meshperf.store import Store

SAMPLES = imported_samples.SAMPLES


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two bundles of the same experiment, run twice."""
    folders = []
    for name in ("monday", "friday"):
        folder = tmp_path_factory.mktemp(name)
        folders.append(str(kept_sample.bundle(folder).rename(folder / name)))
    return folders[0], folders[1]


def _json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, object]:
    assert main(["compare", *arguments, "--json"]) == code
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_one_bundle_is_judged_again_as_it_was(bundles: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    (again,) = _json(capsys, bundles[0])["comparisons"]
    (own,) = json.loads((Path(bundles[0]) / "comparison.json").read_text())
    assert again["metrics"] == own["metrics"] and again["rounds_excluded"] == own["rounds_excluded"]
    assert again["comparability"] == own["comparability"]


def test_an_absolute_floor_makes_a_small_amount_equivalent(
    tmp_path: Path, bundles: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    floor = ("--absolute-floor", "p50=2ms", "--absolute-floor", "memory=1MiB")
    (found,) = _json(capsys, bundles[0], *floor, "--out", str(tmp_path / "out"))["comparisons"]
    p50, *_, memory = found["metrics"]
    assert (p50["verdict"], memory["absolute_floor"]) == ("equivalent", 2**20)
    assert "absolute floor of 2 ms" in p50["reason"]
    assert "--absolute-floor p50=2ms" in (tmp_path / "out" / "report.html").read_text()


def test_a_bundle_keeps_the_floors_that_its_experiment_declared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    floored = kept_sample.bundle(tmp_path, kept_sample.TEXT + "absolute_floors: {p50: 2ms}\n")
    assert main(["verify", str(floored)]) == 0
    capsys.readouterr()
    (again,) = _json(capsys, str(floored))["comparisons"]
    assert (again["metrics"][0]["absolute_floor"], again["metrics"][0]["verdict"]) == (0.002, "equivalent")
    (tighter,) = _json(capsys, str(floored), "--absolute-floor", "p50=1us")["comparisons"]
    assert tighter["metrics"][0]["verdict"] != "equivalent"


def test_two_bundles_meet_through_their_own_baselines(
    bundles: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = _json(capsys, *bundles)
    (comparison,) = found["comparisons"]
    assert comparison["experiment"] == "envoy@friday against envoy@monday, ratio of ratios"
    assert comparison["comparability"]["grade"] == "D"  # the sample's governor is unknown
    assert {one["label"]: one["grade"] for one in found["records"]}["envoy@monday"] == "adequate"


def test_load_points_that_offer_the_same_meet_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = []
    for name, noise in (("a", 0.02), ("b", 0.03)):
        (tmp_path / f"of-{name}").mkdir()
        made = ladder_sample.bundle(tmp_path / f"of-{name}", ladder_sample.ladder(noise=noise))
        folders.append(str(Path(made).rename(tmp_path / name)))
    found = _json(capsys, *folders)["comparisons"]
    assert [one["load_point"] for one in found] == [0, 1, 2, 3]
    assert [one["cell"] for one in found] == ["pair-1", "pair-2", "pair-3", "pair-4"]


def test_stored_ids_and_bundles_mix(
    bundles: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    experiment = read_experiment(Path(bundles[0]) / "experiment.yaml")
    with open_bundle(Path(bundles[0])) as view, Store.open() as store:
        identity = view.manifest().experiment_id
        store.save(Path(bundles[0]), experiment, view.runs(), list(view.comparisons() or ()), command="meshperf run x")
    (stored,) = _json(capsys, identity[:8])["comparisons"]
    (own,) = _json(capsys, bundles[0])["comparisons"]
    assert stored == own
    (mixed,) = _json(capsys, identity[:8], bundles[1])["comparisons"]
    assert mixed["experiment"] == f"envoy@friday against envoy@{identity[:8]}, ratio of ratios"
    (same,) = _json(capsys, identity[:8], bundles[0])["comparisons"]
    assert same["metrics"] == own["metrics"]


def test_a_loosened_rule_is_told_and_recorded(
    bundles: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "ours.yaml"
    rules.write_text("rules: ours\nversion: 1\nfields:\n  - {path: host.governor, unknown: note}\n")
    found = _json(capsys, *bundles, "--rules", str(rules))
    (comparison,) = found["comparisons"]
    assert comparison["comparability"]["grade"] == "B"
    assert found["loosened"] == ["host.governor: unknown flag to note"]
    assert "loosened: host.governor" in comparison["comparability"]["rules"]
    assert main(["compare", *bundles, "--rules", str(rules)]) == 0
    said = capsys.readouterr().out
    assert "- loosened: host.governor: unknown flag to note" in said
    assert "rules were loosened: host.governor: unknown flag to note" in " ".join(
        said.partition("In plain words")[2].split()
    )
    assert main(["compare", *bundles, "--rules", str(rules), "--out", str(tmp_path / "out")]) == 0
    for name in ("report.html", "report.md"):
        assert "loosened: host.governor: unknown flag to note" in (tmp_path / "out" / name).read_text().replace(
            "\\", ""
        )
    assert "loosened: host.governor" in (tmp_path / "out" / "data.json").read_text()


def test_a_mistake_in_the_rules_has_its_place(
    bundles: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "ours.yaml"
    rules.write_text("rules: ours\nversion: 1\nfields:\n  - {path: a, severity: SAME}\n")
    assert main(["compare", *bundles, "--rules", str(rules)]) == 2
    assert "ours.yaml:4:25" in capsys.readouterr().err


def test_arms_are_named_and_what_differs_is_told(bundles: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", f"{bundles[0]}#baseline", f"{bundles[1]}#envoy"]) == 4
    said = capsys.readouterr().out
    assert "Class X" in said and "security.mtls: differs (off / strict" in said and "To mend it" in said
    assert main(["compare", f"{bundles[0]}#nobody", bundles[1]]) == 2
    assert "it has: baseline, envoy" in capsys.readouterr().err


def test_fortio_and_wrk2_must_not_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(SAMPLES / name) for name in ("fortio-http.json", "wrk2.txt")]
    assert main(["compare", *files]) == 4
    said = " ".join(capsys.readouterr().out.split())
    assert "load.generator: differs (fortio / wrk2; generators time requests differently)" in said
    assert "load.latency_origin: differs (actual send / intended send" in said
    assert "- fortio-http.json: full" in said


def test_result_documents_of_one_experiment_are_paired(
    bundles: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for arm in ("baseline", "envoy"):
        documents = [json.loads(path.read_text()) for path in sorted((Path(bundles[0]) / "results").glob(f"*{arm}-0*"))]
        assert len(documents) == kept_sample.ROUNDS
        files.append(str(tmp_path / f"{arm}.json"))
        Path(files[-1]).write_text(json.dumps(documents))
    (found,) = _json(capsys, *files, "--subject", "mesh")["comparisons"]
    assert (found["baseline"], found["comparability"]["grade"]) == ("baseline", "A")
    assert found["metrics"][0]["paired"] and len(found["metrics"][0]["rounds"]) == kept_sample.ROUNDS


def test_a_report_is_written_outside_bundles_only(
    bundles: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *bundles, "--out", str(tmp_path / "out")]) == 0
    assert "ratio of ratios" in (tmp_path / "out" / "report.html").read_text()
    assert main(["compare", *bundles, "--out", bundles[0]]) == 2
    assert "result bundle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["wrk2.txt"], "there is nothing"),
        (["wrk2.txt", "nowhere.json"], "error[MP"),
        (["wrk2.txt", "fortio-http.json", "--margin", "p51=5%"], "no metric 'p51'"),
        (["wrk2.txt", "fortio-http.json", "--margin", "p50=500%"], "at most 100 %"),
        (["wrk2.txt", "fortio-http.json", "--absolute-floor", "p51=5us"], "no metric 'p51'"),
        (["wrk2.txt", "fortio-http.json", "--absolute-floor", "p50=5"], "needs its unit"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = [str(SAMPLES / one) if one.endswith((".txt", ".json")) else one for one in arguments]
    assert main(["compare", *here]) == 2
    assert said in capsys.readouterr().err


def test_a_file_of_no_known_form_is_a_document_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing to see\n")
    assert main(["compare", str(path), str(SAMPLES / "wrk2.txt")]) == 2
    assert "MP2401" in capsys.readouterr().err
