"""`meshperf run` with an SMP test file: one result each URL, on disk at once, whatever happens after it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from meshperf.cli import main
from meshperf.experiment import smp_test
from meshperf.spec.smp import result_from_document
from tests.load.conftest import Workload, start_workload, workload  # noqa: F401  (fixtures)

pytestmark = pytest.mark.needs_native

SECRET = "s3ntinel"


def smp_file(folder: Path, *urls: str, **client: object) -> Path:
    path = folder / "smp.yaml"
    document = {
        "test": {
            "smp_version": "v0.6.1",
            "id": "t",
            "name": "Load / Test",
            "duration": "200ms",
            "warmup_s": 0.1,
            "clients": [{"connections": 2, "rps": 100, "endpoint_urls": list(urls), **client}],
        },
        "mesh": {"type": "NO_MESH"},
    }
    path.write_text(json.dumps(document))
    return path


def documents(out: Path) -> list[dict[str, Any]]:
    return sorted(
        (json.loads(path.read_text()) for path in (out / "results").glob("*.json")),
        key=lambda document: document["run"]["round"],
    )


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("MESHPERF_STATE", str(tmp_path / "state"))


def closed_port() -> int:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


def test_every_url_has_its_document_in_a_bundle_that_verifies(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, out = f"http://{workload.address}", tmp_path / "out"
    code = main(["run", str(smp_file(tmp_path, f"{url}/a", f"{url}/b")), "--out", str(out)])
    told = capsys.readouterr()
    found = documents(out)
    assert code == (0 if all(each["validity"]["state"] == "valid" for each in found) else 4)
    assert [each["run"]["arm"] for each in found] == [f"{url}/a", f"{url}/b"]
    assert [result_from_document(each).counts.ok for each in found] == [20, 20]
    assert "verdict on the run" in told.out
    assert f"{url}/b" in told.out
    assert main(["verify", str(out)]) == 0


def test_json_is_an_array_of_the_documents_and_nothing_else(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    main(["run", str(smp_file(tmp_path, f"http://{workload.address}/")), "--out", str(out), "--json"])
    assert json.loads(capsys.readouterr().out) == documents(out)


def test_without_out_the_results_go_to_a_folder_of_their_own(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
) -> None:
    main(["run", str(smp_file(tmp_path, f"http://{workload.address}/"))])
    (out,) = (tmp_path / "meshperf-out").iterdir()
    assert out.name.startswith("Load---Test-")
    assert len(documents(out)) == 1


def test_what_is_done_differently_from_the_file_is_told(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["run", str(smp_file(tmp_path, f"http://{workload.address}/", load_generator="gatling"))])
    assert "asks for the load generator gatling; meshperf's own is used" in capsys.readouterr().err


def test_a_second_url_that_fails_leaves_the_first_result(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    urls = (f"http://{workload.address}/", f"http://127.0.0.1:{closed_port()}/")
    assert main(["run", str(smp_file(tmp_path, *urls)), "--out", str(out)]) == 5
    told = capsys.readouterr().err
    assert "MP5301" in told
    assert "1 of 2 runs are kept" in told
    assert len(documents(out)) == 1
    assert json.loads((out / "MANIFEST.json").read_text())["state"] == "interrupted"
    assert main(["verify", str(out)]) == 0


def test_ctrl_c_keeps_finished_runs_and_sets_the_broken_one_apart(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, seen, real = tmp_path / "out", [], smp_test.run_single

    def second_is_broken_off(*given: Any, **named: Any) -> Any:
        run, _ = real(*given, **named)
        seen.append(run)
        if len(seen) == 2:
            assert len(documents(out)) == 1, "the first result is on disk before the second URL is loaded"
        return run, len(seen) == 2

    monkeypatch.setattr(smp_test, "run_single", second_is_broken_off)
    url = f"http://{workload.address}/"
    assert main(["run", str(smp_file(tmp_path, url, url, url)), "--out", str(out)]) == 130
    assert [each["id"] for each in documents(out)] == [seen[0].run_id]
    assert [path.stem for path in (out / "excluded").iterdir()] == [seen[1].run_id]
    assert len(seen) == 2


@pytest.mark.parametrize("flag", [["--quick"], ["--overwrite"], ["--resume", "out"]])
def test_options_of_experiments_are_refused(
    tmp_path: Path, flag: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(smp_file(tmp_path, "http://127.0.0.1:1/")), *flag]) == 2
    assert "MP1002" in capsys.readouterr().err
    assert not (tmp_path / "meshperf-out").exists()


@pytest.fixture
def never_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("measured although the results cannot be kept")

    monkeypatch.setattr(smp_test, "run_single", refuse)


@pytest.mark.usefixtures("never_loads")
def test_a_folder_with_other_files_is_refused_before_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    assert main(["run", str(smp_file(tmp_path, "http://127.0.0.1:1/")), "--out", str(tmp_path / "mine")]) == 5
    assert "MP5401" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.usefixtures("never_loads")
def test_a_folder_that_cannot_be_made_is_refused_before_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plain-file").write_text("")
    out = tmp_path / "plain-file" / "out"
    assert main(["run", str(smp_file(tmp_path, "http://127.0.0.1:1/")), "--out", str(out)]) == 5
    assert "MP5401" in capsys.readouterr().err


def test_results_that_are_there_are_not_written_over(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, out = smp_file(tmp_path, f"http://{workload.address}/"), tmp_path / "out"
    main(["run", str(file), "--out", str(out)])
    before = documents(out)
    capsys.readouterr()
    assert main(["run", str(file), "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert "MP1002" in told
    assert "--resume" not in told
    assert documents(out) == before


def test_a_target_outside_loopback_leaves_no_folder(tmp_path: Path) -> None:
    assert main(["run", str(smp_file(tmp_path, "http://192.0.2.1/")), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_a_secret_is_in_no_file_but_the_users_own(
    workload: Workload,  # noqa: F811
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    secrets = {"headers": {"Authorization": f"Bearer {SECRET}"}, "cookies": {"a": SECRET}}
    main(["run", str(smp_file(tmp_path, f"http://{workload.address}/?key={SECRET}", **secrets)), "--out", str(out)])
    assert len(documents(out)) == 1
    holding = [path.name for path in out.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert holding == ["experiment.yaml"]
    told = capfd.readouterr()
    assert SECRET not in told.out + told.err
