"""Verification: whatever was changed is found, with and without the digests renewed."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kept_sample as sample
from meshperf.errors import DocumentError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.bundle_reading import manifest_digest
from meshperf.experiment.document_differences import differences
from meshperf.experiment.verification import VerificationReport, verify


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.bundle(tmp_path_factory.mktemp("original"))


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "bundle")


def reseal(bundle: Path) -> None:
    """Renew every digest, as a forger would."""
    journal = [json.loads(line) for line in (bundle / "rounds.jsonl").read_text().splitlines()]
    for entry in journal:
        entry["runs"] = {name: digest_of(bundle / "results" / name) for name in entry["runs"]}
    (bundle / "rounds.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in journal))
    manifest = json.loads((bundle / "MANIFEST.json").read_text())
    for name in manifest["files"]:
        path = bundle / name
        manifest["files"][name] = {"sha256": digest_of(path), "size": path.stat().st_size}
    manifest["digest"] = manifest_digest(manifest)
    (bundle / "MANIFEST.json").write_text(json.dumps(manifest))


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def change(path: Path, edit: Callable[[Any], None]) -> None:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def codes(report: VerificationReport) -> set[str]:
    return {problem.code for problem in report.problems}


def envoy_run(bundle: Path) -> Path:
    return next((bundle / "results").glob("r0-*envoy*.json"))


def numbers(document: Any, pointer: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Every number of a document with its place."""
    if isinstance(document, dict | list):
        for key, inside in document.items() if isinstance(document, dict) else enumerate(document):
            yield from numbers(inside, (*pointer, key))
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield pointer, document


def put(document: Any, pointer: tuple[Any, ...], value: float) -> None:
    for key in pointer[:-1]:
        document = document[key]
    document[pointer[-1]] = value


def test_an_untouched_bundle_is_found_right(original: Path) -> None:
    report = verify(original)
    assert report.ok and report.problems == () and report.notes == ()
    assert (report.state, report.runs, report.comparisons) == ("complete", 9, 1)
    assert report.files == len([path for path in original.rglob("*") if path.is_file()]) - 1


def test_an_archive_is_verified_like_its_folder(original: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in original.rglob("*"):
            packed.write(path, f"bundle/{path.relative_to(original).as_posix()}")
    report = verify(tmp_path / "b.zip")
    assert report.ok and report.runs == 9 and report.path == tmp_path / "b.zip"


# Without renewing digests: any byte of any file -------------------------------------------------------------------


def test_one_changed_byte_in_any_file_is_found(bundle: Path) -> None:
    for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
        before = path.read_bytes()
        middle = len(before) // 2
        path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
        report = verify(bundle)
        assert not report.ok, path
        name = path.relative_to(bundle).as_posix()
        assert any(problem.file == name for problem in report.problems), (name, report.problems)
        path.write_bytes(before)
    assert verify(bundle).ok


def test_any_number_of_the_manifest_that_is_changed_is_found(bundle: Path) -> None:
    path = bundle / "MANIFEST.json"
    before = json.loads(path.read_text())
    for key, value in (("command", "rm"), ("begun", "2020-01-01"), ("experiment_id", "x"), ("state", "running")):
        path.write_text(json.dumps({**before, key: value}))
        assert "MP2301" in codes(verify(bundle)), key
    change(path, lambda document: document["files"]["report.html"].update(size=1))
    assert "MP2301" in codes(verify(bundle))


def test_a_file_too_many_or_too_few_is_found(bundle: Path) -> None:
    (bundle / "extra.txt").write_text("x")
    (bundle / "report.html").unlink()
    envoy_run(bundle).unlink()
    found = {(problem.code, problem.file) for problem in verify(bundle).problems}
    assert {("MP2303", "extra.txt"), ("MP2303", "report.html")} <= found
    assert any(code == "MP2303" and file.startswith("results/") for code, file in found)


def test_a_link_in_a_bundle_is_found(bundle: Path) -> None:
    report = bundle / "report.html"
    shutil.move(report, bundle.parent / "elsewhere.html")
    report.symlink_to(bundle.parent / "elsewhere.html")
    assert ("MP2303", "report.html") in {(problem.code, problem.file) for problem in verify(bundle).problems}


# With digests renewed: figures that do not follow -------------------------------------------------------------------


def test_every_number_of_the_comparison_follows_from_the_runs(bundle: Path) -> None:
    path = bundle / "comparison.json"
    before = json.loads(path.read_text())
    places = list(numbers(before))
    assert len(places) > 200
    for pointer, value in places[:: max(1, len(places) // 40)]:
        forged = copy.deepcopy(before)
        put(forged, pointer, value * 1.0001 if isinstance(value, float) and value else value + 1)
        path.write_text(json.dumps(forged))
        reseal(bundle)
        report = verify(bundle)
        wanted = "/" + "/".join(str(key) for key in pointer)
        assert [(p.code, p.file, p.place) for p in report.problems] == [("MP2302", "comparison.json", wanted)]


def test_a_verdict_that_was_turned_is_found(bundle: Path) -> None:
    def turn(document: Any) -> None:
        document[0]["metrics"][0]["verdict"] = "better"

    change(bundle / "comparison.json", turn)
    reseal(bundle)
    assert codes(verify(bundle)) == {"MP2302"}


def test_every_published_figure_of_a_run_follows_from_its_slices(bundle: Path) -> None:
    from meshperf.spec.smp import result_from_document, result_to_document

    path = envoy_run(bundle)
    document = json.loads(path.read_text())
    run = result_from_document(document)
    assert result_to_document(run) == document
    tried = [place for place, _ in numbers(document) if {"latencies_ms", "actual_qps"} & set(map(str, place))]
    assert tried
    for pointer in tried:
        forged = copy.deepcopy(document)
        value = dict(numbers(document))[pointer]
        put(forged, pointer, value * 0.999)
        path.write_text(json.dumps(forged))
        reseal(bundle)
        report = verify(bundle)
        assert any(p.code == "MP2302" and p.file == f"results/{path.name}" for p in report.problems), pointer


@pytest.mark.parametrize(
    ("named", "forge"),
    [
        ("counts.ok", lambda run: {"counts": changed(run.counts, ok=run.counts.ok + 1)}),
        ("counts.timeouts", lambda run: {"counts": changed(run.counts, timeouts=0)}),
        ("counts.bytes_in", lambda run: {"counts": changed(run.counts, bytes_in=1)}),
        ("measured_s", lambda run: {"measured_s": run.measured_s * 1.01}),
        ("response", lambda run: {"response": run.slices[0].response}),
        ("lead_in", lambda run: {"lead_in": run.response}),
        ("resources.app.cpu_s", lambda run: {"resources": (changed(run.resources[0], cpu_s=1e-3), run.resources[1])}),
        ("/", lambda run: {"resources": (changed(run.resources[0], requests=10**6), run.resources[1])}),
        ("slice 1", lambda run: {"slices": with_slice(run, counts=changed(run.slices[1].counts, ok=7))}),
        ("slice 1", lambda run: {"slices": with_slice(run, response=run.slices[0].lead_in)}),
        ("slice 1", lambda run: {"slices": with_slice(run, end_s=0.0)}),
        ("", lambda run: {"slices": ()}),
        ("run_id", lambda run: {"run_id": "another"}),
        ("round", lambda run: {"round": 2}),
        ("experiment_id", lambda run: {"experiment_id": "another"}),
    ],
)
def test_a_forged_run_is_found_though_its_digest_fits(
    bundle: Path, named: str, forge: Callable[[Any], dict[str, Any]]
) -> None:
    from meshperf.spec.smp import result_from_document, result_to_document

    path = envoy_run(bundle)
    run = result_from_document(json.loads(path.read_text()))
    path.write_text(json.dumps(result_to_document(changed(run, **forge(run)))))
    reseal(bundle)
    found = [problem for problem in verify(bundle).problems if problem.file == f"results/{path.name}"]
    assert found and {problem.code for problem in found} == {"MP2302"}
    assert any(problem.place.startswith(named) for problem in found), found


def changed(record: Any, **fields: Any) -> Any:
    from dataclasses import replace

    return replace(record, **fields)


def with_slice(run: Any, **fields: Any) -> tuple[Any, ...]:
    return (run.slices[0], changed(run.slices[1], **fields), *run.slices[2:])


def test_a_forged_slice_that_adds_up_is_found_by_the_comparison(bundle: Path) -> None:
    from meshperf.histograms import merge
    from meshperf.spec.smp import result_from_document, result_to_document

    path = envoy_run(bundle)
    run = result_from_document(json.loads(path.read_text()))
    faster = tuple(changed(part, response=run.slices[0].response) for part in run.slices)
    forged = changed(run, slices=faster, response=merge(part.response for part in faster))
    path.write_text(json.dumps(result_to_document(forged)))
    reseal(bundle)
    assert {problem.file for problem in verify(bundle).problems} == {"comparison.json"}


def test_other_margins_make_another_comparison(bundle: Path) -> None:
    text = (bundle / "experiment.yaml").read_text()
    (bundle / "experiment.yaml").write_text(text.replace("p50: 5%", "p50: 50%"))
    reseal(bundle)
    found = {(problem.code, problem.file) for problem in verify(bundle).problems}
    assert found == {("MP2301", "MANIFEST.json"), ("MP2302", "comparison.json")}


def test_an_absolute_floor_is_derived_again_and_another_one_is_found(tmp_path: Path) -> None:
    bundle = sample.bundle(tmp_path, sample.TEXT + "absolute_floors: {p50: 2ms}\n")
    assert verify(bundle).problems == ()
    change(bundle / "comparison.json", lambda document: document[0]["metrics"][0].update(absolute_floor=1e-3))
    reseal(bundle)
    (problem,) = verify(bundle).problems
    assert (problem.code, problem.place) == ("MP2302", "/0/metrics/0/absolute_floor")


def test_a_comparison_of_before_a_field_was_known_is_still_right(bundle: Path) -> None:
    def older(document: Any) -> None:
        for metric in document[0]["metrics"]:
            del metric["narrow_added"], metric["narrow_added_companion"]
            for entry in metric["rounds"]:
                del entry["unsteady"]

    change(bundle / "comparison.json", older)
    reseal(bundle)
    assert verify(bundle).problems == ()
    change(bundle / "comparison.json", lambda document: document[0]["metrics"][0].pop("margin"))
    reseal(bundle)
    assert [problem.place for problem in verify(bundle).problems] == ["/0/metrics/0/margin"]


def test_a_round_left_out_makes_another_comparison(bundle: Path) -> None:
    journal = (bundle / "rounds.jsonl").read_text().splitlines(keepends=True)
    (bundle / "rounds.jsonl").write_text("".join(journal[1:]))
    reseal(bundle)
    found = {(problem.code, problem.file.split("/")[0]) for problem in verify(bundle).problems}
    assert {("MP2303", "results"), ("MP2302", "comparison.json")} <= found


def test_a_complete_bundle_must_hold_its_comparison(bundle: Path) -> None:
    (bundle / "comparison.json").unlink()
    change(bundle / "MANIFEST.json", lambda document: document["files"].pop("comparison.json"))
    reseal(bundle)
    assert [(p.code, p.file) for p in verify(bundle).problems] == [("MP2303", "comparison.json")]


# What cannot be read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["MANIFEST.json", "rounds.jsonl", "experiment.yaml", "comparison.json", "environment.json"]
)
@pytest.mark.parametrize("content", [b"", b"{", b"[1]\n", b"\xff\xfe", b'{"a": 1}'])
def test_a_broken_document_is_a_finding_and_no_crash(bundle: Path, name: str, content: bytes) -> None:
    (bundle / name).write_bytes(content)
    if name != "MANIFEST.json":
        reseal_files(bundle)
    report = verify(bundle)
    assert not report.ok
    # An empty journal is a journal: it names no round, so every run is one too many.
    at = "results/" if (name, content) == ("rounds.jsonl", b"") else name
    assert any(problem.file.startswith(at) for problem in report.problems), report.problems


def reseal_files(bundle: Path) -> None:
    manifest = json.loads((bundle / "MANIFEST.json").read_text())
    for name in manifest["files"]:
        manifest["files"][name] = {"sha256": digest_of(bundle / name), "size": (bundle / name).stat().st_size}
    manifest["digest"] = manifest_digest(manifest)
    (bundle / "MANIFEST.json").write_text(json.dumps(manifest))


def test_a_bundle_that_is_still_written_is_checked_as_far_as_it_goes(tmp_path: Path) -> None:
    with Bundle.create(tmp_path / "b", sample.experiment(tmp_path), command="x") as writing:
        writing.begin_round(0, 0)
        writing.append(sample.round_of(0, experiment_id=writing.experiment_id))
        report = verify(tmp_path / "b")
        assert report.ok and report.state == "running" and report.runs == 3
        assert report.notes == ("the bundle is running: there is no comparison to check yet",)


def test_what_is_no_bundle_is_an_error(tmp_path: Path) -> None:
    for path, code in ((tmp_path, "MP2303"), (tmp_path / "gone", "MP2001")):
        with pytest.raises(DocumentError) as caught:
            verify(path)
        assert caught.value.code == code


# Differences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "pointers"),
    [
        ({"a": 1.0}, {"a": 1.0 + 1e-12}, []),
        ({"a": 1.0}, {"a": 1.0 + 1e-8}, ["/a"]),
        ({"a": 1}, {"a": 2}, ["/a"]),
        ({"a": 10**12}, {"a": 10**12 + 1}, ["/a"]),
        ({"a": True}, {"a": 1}, ["/a"]),
        ({"a": None}, {"a": 0}, ["/a"]),
        ({"a": "1"}, {"a": 1}, ["/a"]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, ["/a~1b/~0"]),
        ({"a": 1}, {}, ["/a"]),
        ({}, {"a": 1}, ["/a"]),
        ([1, 2], [1], [""]),
        ([1, 2], [3, 4], ["/0", "/1"]),
        ({"a": [1]}, {"a": {"0": 1}}, ["/a"]),
    ],
)
def test_documents_differ_where_a_reader_would_say_so(one: object, other: object, pointers: list[str]) -> None:
    assert [pointer for pointer, _ in differences(one, other)] == pointers


def _forged(bundle: Path, **fields: Any) -> list[str]:
    """Places at which verification finds the run of envoy wrong, once these fields of it were changed."""
    from meshperf.spec.smp import result_from_document, result_to_document

    path = envoy_run(bundle)
    run = result_from_document(json.loads(path.read_text()))
    made = {name: make(run) for name, make in fields.items()}
    path.write_text(json.dumps(result_to_document(changed(run, **made))))
    reseal(bundle)
    problems = [problem for problem in verify(bundle).problems if problem.file == f"results/{path.name}"]
    assert {problem.code for problem in problems} <= {"MP2302"}
    return [problem.place for problem in problems]


def test_a_run_that_calls_itself_valid_though_its_slices_never_drained_is_found(bundle: Path) -> None:
    assert _forged(bundle, slices=lambda run: with_slice(run, drained=False)) == ["validity"]


def test_a_run_that_calls_itself_invalid_without_a_cause_is_found(bundle: Path) -> None:
    from meshperf.spec.records import Validity, ValidityState

    made_up = Validity(state=ValidityState.INVALID, reasons=("it was slow",))
    assert _forged(bundle, validity=lambda _: made_up) == ["validity"]


def test_guards_and_warnings_that_were_taken_out_or_turned_are_found(bundle: Path) -> None:
    assert set(_forged(bundle, guards=lambda run: run.guards[1:])) == {"guards.rate_shortfall"}
    assert set(_forged(bundle, warnings=lambda run: ())) == {"guards.rate_shortfall", "warnings"}


def test_a_guard_on_the_machine_follows_from_its_readings(bundle: Path) -> None:
    from meshperf.spec.records import NoiseReading

    noise = (NoiseReading(begin=sample.BEGIN, duration_s=1.0, steal_share=0.5),)
    assert _forged(bundle, noise=lambda _: noise) == ["guards.steal"]


def test_a_histogram_that_another_zlib_packed_is_the_same(bundle: Path) -> None:
    import base64
    import struct
    import zlib

    path = envoy_run(bundle)
    document = json.loads(path.read_text())
    packed = base64.b64decode(document["latency_distribution"]["hdr_v2"])
    stored = zlib.compress(zlib.decompress(packed[8:]), level=0)
    document["latency_distribution"]["hdr_v2"] = base64.b64encode(
        packed[:4] + struct.pack(">i", len(stored)) + stored
    ).decode()
    path.write_text(json.dumps(document))
    reseal(bundle)
    assert verify(bundle).ok


def test_a_packed_histogram_that_holds_something_else_is_found(bundle: Path) -> None:
    from meshperf.histograms import Histogram

    for text in (Histogram.from_values([1e-3]).to_hdr_v2(), "rubbish"):
        path = envoy_run(bundle)
        document = json.loads(path.read_text())
        document["latency_distribution"]["hdr_v2"] = text
        path.write_text(json.dumps(document))
        reseal(bundle)
        found = [problem for problem in verify(bundle).problems if problem.file == f"results/{path.name}"]
        assert found and all("hdr_v2" in problem.place for problem in found)
