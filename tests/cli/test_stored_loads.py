"""What `load`, and `run` with an SMP test, leave in the store, and what `list`, `show` and `report` make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import run_sample
from imported_samples import SAMPLES
from meshperf.cli import main
from meshperf.store import Store
from tests.load.conftest import Workload, start_workload, workload  # noqa: F401  (fixtures)

SECRET = "s3ntinel"
SHORT = ["--rate", "100", "--connections", "2", "--warmup", "100ms", "--duration", "200ms"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def store_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    return tmp_path / "store.sqlite"


def listed(capsys: Captured) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["list", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.needs_native
def test_a_load_is_listed_shown_and_reported(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    capsys: Captured,
) -> None:
    url = f"http://{workload.address}/"
    main(["load", f"{url}?key={SECRET}", *SHORT, "--header", f"authorization: Bearer {SECRET}"])
    (row,) = listed(capsys)
    assert (row["experiment"], row["arms"], row["rounds"], row["bundle"]) == ("load", ["load"], 1, None)
    assert row["command"].startswith(f"meshperf load {url} --rate 100.0 ") and row["command"].endswith("withheld")
    assert main(["list"]) == 0 and capsys.readouterr().out.splitlines()[1].endswith(" -")
    assert main(["show", row["experiment_id"][:6]]) == 0
    assert "The run in figures" in capsys.readouterr().out
    assert main(["report", row["experiment_id"], "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "meshperf load" in page and SECRET not in page
    assert SECRET not in json.dumps(row)


@pytest.mark.needs_native
def test_nothing_is_kept_where_nobody_wants_it(
    workload: Workload,  # noqa: F811
    store_path: Path,
    tmp_path: Path,
) -> None:
    main(["load", f"http://{workload.address}/", *SHORT, "--no-store"])
    main(["run", str(smp_test(tmp_path, workload)), "--no-store"])
    main(["load", str(smp_test(tmp_path, workload)), "--no-store"])
    assert not store_path.exists()


@pytest.mark.needs_native
def test_a_store_that_cannot_be_used_does_not_fail_the_load(
    workload: Workload,  # noqa: F811
    store_path: Path,
    capsys: Captured,
) -> None:
    store_path.write_bytes(b"not a database, not even nearly" * 100)
    code = main(["load", f"http://{workload.address}/", *SHORT, "--json"])
    said = capsys.readouterr()
    assert code in (0, 4) and json.loads(said.out)["requests"]["ok"] == 20
    assert "not put into the store" in said.err


@pytest.mark.needs_native
@pytest.mark.parametrize("verb", ["run", "load"])
def test_every_url_of_an_smp_test_is_kept_under_one_id(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    capsys: Captured,
    verb: str,
) -> None:
    main([verb, str(smp_test(tmp_path, workload)), *(["--out", "out"] if verb == "run" else [])])
    (row,) = listed(capsys)
    assert row["experiment"] == "Two" and row["rounds"] == 2
    assert row["arms"] == [f"http://{workload.address}/{name}" for name in "ab"]
    assert row["bundle"] == (str(tmp_path / "out") if verb == "run" else None)
    with Store.open() as store:
        runs = store.results(row["experiment_id"])
        text = store.experiment(row["experiment_id"]).experiment_text
    assert [run.counts.ok for run in runs] == [20, 20] and text is not None and "Two" in text
    for run in runs:  # the objective stands in each result, with its figure
        (reading,) = run.objectives
        assert (reading.objective, reading.held, reading.unit) == ("p50 <= 1ns", False, "s")
        assert reading.value is not None and reading.value > reading.threshold


def smp_test(folder: Path, to: Workload) -> Path:
    path = folder / "smp.json"
    urls = [f"http://{to.address}/{name}" for name in "ab"]
    test = {"name": "Two", "duration": "200ms", "warmup_s": 0.1, "objectives": ["p50 <= 1ns"]}
    test["clients"] = [{"connections": 2, "rps": 100, "endpoint_urls": urls}]
    path.write_text(json.dumps({"test": test, "mesh": {"type": "NO_MESH"}}))
    return path


@pytest.mark.needs_native
def test_the_objectives_of_a_load_are_in_its_document(
    workload: Workload,  # noqa: F811
    capsys: Captured,
) -> None:
    asked = ["--objective", "p99 <= 10s", "--objective", "errors <= 0.1%", "--objective", "p50 <= 1ns"]
    code = main(["load", f"http://{workload.address}/", *SHORT, *asked, "--json"])
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert code == (1 if document["validity"]["state"] == "valid" else 4)
    assert [(one["objective"], one["held"]) for one in document["objectives"]] == [
        ("p99 <= 10s", True),
        ("errors <= 0.1%", True),
        ("p50 <= 1ns", False),
    ]
    assert document["objectives"][1]["value"] == 0 and document["objectives"][0]["threshold"] == 10
    assert "objective p50 <= 1ns: broken" in said.err and "objective errors <= 0.1%: held, 0.000%" in said.err
    main(["load", f"http://{workload.address}/", *SHORT, "--json", "--no-store"])
    assert "objectives" not in json.loads(capsys.readouterr().out)


def test_runs_without_a_bundle_come_back_as_they_were(store_path: Path) -> None:
    run = run_sample.single()
    with Store.open() as store:
        identity = store.save_runs([run], name="load", digest="0" * 64, command="meshperf load http://127.0.0.1/")
        assert store.save_runs([run], name="again", digest="0" * 64, command="meshperf load") == identity
        (row,) = store.experiments()
        assert (row.name, row.bundle, row.experiment_text) == ("again", None, None)
        (back,) = store.results(identity)
    assert (back.run_id, back.counts, back.response) == (run.run_id, run.counts, run.response)


def test_a_result_of_another_tool_is_listed_shown_and_reported(tmp_path: Path, capsys: Captured) -> None:
    failed = tmp_path / "failed <b>.json"
    content = (SAMPLES / "oha.json").read_text().replace('{"200":95,"500":5}', '{"500":100}')
    failed.write_text(content)
    assert main(["import", str(failed)]) == 0
    (row,) = listed(capsys)
    assert main(["show", row["imported_id"]]) == 0
    assert "oha" in capsys.readouterr().out
    out = tmp_path / "out"
    assert main(["report", row["imported_id"][:8], "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(out / name) for name in ("report.html", "report.md", "data.json")
    ]
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "all 102 requests failed" in text and "Of all requests, the failed ones too" in text
    assert "| p50 | 4.00 ms | 4.00 ms | 4.00 ms |" in text and "| status | 500 | 100 |" in text
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "oha: failed &lt;b&gt;.json" in page and "<b>.json" not in page
    (document,) = json.loads((out / "data.json").read_text())["results"]
    assert document["requests"]["errors"] == 102


def test_several_results_of_other_tools_are_one_report(tmp_path: Path, capsys: Captured) -> None:
    names = [str(SAMPLES / name) for name in ("wrk2.txt", "hey.txt")]
    assert main(["import", "--no-store", "--json", *names]) == 0
    (tmp_path / "both.json").write_text(capsys.readouterr().out)
    assert main(["report", "both.json", "--format", "md", "--out", "only"]) == 0
    assert capsys.readouterr().out.split() == [str(Path("only") / "report.md")]
    text = (tmp_path / "only" / "report.md").read_text(encoding="utf-8")
    assert text.index("## Result 1: wrk2: wrk2.txt") < text.index("## Result 2: hey: hey.txt")
