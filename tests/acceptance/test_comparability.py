"""What must never be compared is not, with reasons that a reader understands; what may be compared is.

Everything goes the way of a user: documents in files, `meshperf compare`, its JSON and its exit code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kept_sample
from meshperf.cli import main
from meshperf.histograms import Histogram
from meshperf.spec.records import Counts, Fact, Facts, FactValue, RunResult
from meshperf.spec.smp import result_to_document

ROUNDS = 3
STALL_S, EVERY_S, SERVICE_S, SPAN_S, RATE = 0.1, 10.0, 0.4e-3, 60.0, 500.0
COMPLETE = {"host.governor": "performance"}
"""What the sample's machine hides."""

Changes = Mapping[str, FactValue]


@pytest.fixture
def compared(capsys: pytest.CaptureFixture[str]) -> Any:
    """`meshperf compare`: exit code and the only comparison of its document."""

    def compare(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = main(["compare", *arguments, "--json"])
        (comparison,) = json.loads(capsys.readouterr().out)["comparisons"]
        return code, comparison

    return compare


def _changed(facts: Facts, changes: Changes) -> Facts:
    """These facts with some replaced; None: without it."""
    kept = {path: fact for path, fact in facts.items() if path not in changes}
    return {**kept, **{path: Fact(value=value, source="test") for path, value in changes.items() if value is not None}}


def _written(path: Path, runs: list[RunResult]) -> str:
    path.write_text(json.dumps([result_to_document(run) for run in runs]), encoding="utf-8")
    return str(path)


def _arm(folder: Path, name: str, changes: Changes, *, experiment_id: str = "0123456789ab") -> str:
    """A file with one arm's rounds of an experiment; all arms are alike but for `changes`."""
    runs = []
    for number in range(ROUNDS):
        made = kept_sample.run("envoy", 0, number, experiment_id=experiment_id)
        facts = _changed(made.facts, {**COMPLETE, **changes})
        runs.append(replace(made, arm=name, run_id=f"{name}-{number}", facts=facts))
    return _written(folder / f"{name}.json", runs)


def _paths(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["path"] for entry in entries}


# Two records that differ only in the mesh -----------------------------------------------------------------------------


def test_two_records_that_differ_only_in_the_mesh_are_class_a(tmp_path: Path, compared: Any) -> None:
    files = [_arm(tmp_path, mesh, {"mesh.type": mesh}) for mesh in ("istio", "linkerd")]
    code, found = compared(*files, "--subject", "mesh")
    of = found["comparability"]
    assert (code, of["grade"]) == (0, "A")
    assert of["violations"] == [] and of["unknowns"] == []
    assert _paths(of["subject_differences"]) == {"mesh.type"}


def test_two_records_that_differ_in_the_mesh_and_the_minor_version_of_the_kernel_are_class_x(
    tmp_path: Path, compared: Any
) -> None:
    files = [
        _arm(tmp_path, mesh, {"mesh.type": mesh, "host.kernel": kernel})
        for mesh, kernel in (("istio", "6.1.0"), ("linkerd", "6.2.0"))
    ]
    code, found = compared(*files, "--subject", "mesh")
    (violation,) = found["comparability"]["violations"]
    assert (code, found["comparability"]["grade"]) == (4, "X")
    assert (violation["path"], violation["a"], violation["b"]) == ("host.kernel", "6.1.0", "6.2.0")
    assert violation["why"] == "scheduler and network stack change between kernels"
    assert violation["fix"] == "measure both arms on the same kernel"
    assert {metric["verdict"] for metric in found["metrics"]} == {"not comparable"}


def test_a_patch_of_the_kernel_parts_nothing(tmp_path: Path, compared: Any) -> None:
    files = [
        _arm(tmp_path, mesh, {"mesh.type": mesh, "host.kernel": kernel})
        for mesh, kernel in (("istio", "6.1.0"), ("linkerd", "6.1.9"))
    ]
    assert compared(*files, "--subject", "mesh")[1]["comparability"]["grade"] == "A"


@pytest.mark.parametrize("lacking", [("istio",), ("linkerd",), ("istio", "linkerd")])
def test_records_that_do_not_say_how_many_connections_are_class_x(
    tmp_path: Path, compared: Any, lacking: tuple[str, ...]
) -> None:
    files = []
    for mesh in ("istio", "linkerd"):
        gone: Changes = {"load.connections": None} if mesh in lacking else {}
        files.append(_arm(tmp_path, mesh, {"mesh.type": mesh, **gone}))
    code, found = compared(*files, "--subject", "mesh")
    assert (code, found["comparability"]["grade"]) == (4, "X")
    (unknown,) = found["comparability"]["unknowns"]
    assert (unknown["path"], unknown["severity"]) == ("load.connections", "unknown-block")
    assert "unknown is never equal" in unknown["why"] and "load.connections" in unknown["fix"]


def _session(folder: Path, name: str, changes: Changes, patch: pytest.MonkeyPatch) -> str:
    """A whole bundle, baseline included, measured where `changes` hold."""
    folder = folder / f"of-{name}"
    folder.mkdir()
    facts = kept_sample.facts
    with patch.context() as only_here:
        only_here.setattr(kept_sample, "facts", lambda arm=None: _changed(facts(arm), {**COMPLETE, **changes}))
        return str(kept_sample.bundle(folder).rename(folder / name))


def test_two_sessions_with_baselines_are_class_b_and_on_two_kernels_class_c(
    tmp_path: Path, compared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _session(tmp_path, "here", {}, monkeypatch)
    again = _session(tmp_path, "again", {}, monkeypatch)
    there = _session(tmp_path, "there", {"host.kernel": "6.2.0"}, monkeypatch)
    assert compared(here, again)[1]["comparability"]["grade"] == "B"
    code, found = compared(here, there)
    assert (code, found["comparability"]["grade"]) == (0, "C")
    assert _paths(found["comparability"]["violations"]) == {"host.kernel"}
    assert {metric["verdict"] for metric in found["metrics"]} == {"inconclusive"}
    assert all("class C" in m["reason"] for m in found["metrics"] if not m["pooled"])


# A server that stalls, by an open and by a closed loop ----------------------------------------------------------------


def _served(send_s: float, free_s: float, work_s: float) -> float:
    """When one server is done with a request; it stands still for 100 ms in every 10 s."""
    begin = max(send_s, free_s)
    while True:
        into = begin % EVERY_S
        if into < STALL_S:
            begin += STALL_S - into
        left = EVERY_S - begin % EVERY_S
        if work_s <= left:
            return begin + work_s
        work_s, begin = work_s - left, begin + left


def _response_times(*, closed: bool, seed: int) -> tuple[np.ndarray[Any, Any], int]:
    """Response times of one minute [s], and how many requests were made.

    Open: from when a request was due. Closed: one connection that waits for each reply, and no schedule to be late by.
    """
    rng = np.random.default_rng(seed)
    due = np.cumsum(rng.exponential(1 / RATE, int(SPAN_S * RATE)))
    works = rng.exponential(SERVICE_S, due.size)
    free, times = 0.0, []
    for at, work in zip(due, works, strict=True):
        sent = max(at, free) if closed else at
        free = _served(sent, free, work)
        times.append(free - sent)
    return np.asarray(times), due.size


def _loop(folder: Path, name: str, *, closed: bool) -> str:
    runs = []
    for number in range(ROUNDS):
        made = kept_sample.run("baseline", 0, number, experiment_id=f"of-{name}")
        times, requests = _response_times(closed=closed, seed=number)
        loop: Changes = (
            {"load.arrivals": "closed", "load.loop": "closed", "load.latency_origin": "actual send", "load.rate": None}
            if closed
            else {"load.arrivals": "poisson", "load.loop": "open", "load.latency_origin": "intended send"}
        )
        runs.append(
            replace(
                made,
                arm=name,
                run_id=f"{name}-{number}",
                slices=(),
                measured_s=SPAN_S,
                counts=Counts(offered=requests, sent=requests, ok=requests),
                response=Histogram.from_values(times),
                service=Histogram.from_values(times),
                offered_rps=None if closed else RATE,
                facts=_changed(made.facts, {**COMPLETE, **loop}),
                design=replace(made.design, design="continuous"),
            )
        )
    return _written(folder / f"{name}.json", runs)


def test_open_and_closed_loop_records_of_one_stalling_server_are_class_x_and_say_why(
    tmp_path: Path, compared: Any
) -> None:
    files = [_loop(tmp_path, "open", closed=False), _loop(tmp_path, "closed", closed=True)]
    code, found = compared(*files)
    tail = {arm["arm"].removesuffix(".json"): arm["figures"]["p99"]["value"] for arm in found["arms"]}
    assert tail["open"] > 5e-3 > 3e-3 > tail["closed"]  # one server: what a closed loop does not send, it does not see
    assert (code, found["comparability"]["grade"]) == (4, "X")
    why = {entry["path"]: entry["why"] for entry in found["comparability"]["violations"]}
    assert why["load.arrivals"] == "a closed loop waits for a slow arm, a schedule does not"
    assert "cannot send what is due in a stall" in why["load.loop"]
    assert "hides waiting" in why["load.latency_origin"]
    assert all(entry["fix"] for entry in found["comparability"]["violations"])
    assert {metric["verdict"] for metric in found["metrics"]} == {"not comparable"}


def test_the_reader_is_told_the_reasons_before_any_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [_loop(tmp_path, "open", closed=False), _loop(tmp_path, "closed", closed=True)]
    assert main(["compare", *files]) == 4
    said = " ".join(capsys.readouterr().out.split())
    assert said.index("Class X, not comparable") < said.index("a closed loop waits for a slow arm") < said.index(" us")
    assert "To mend it: use the same arrivals." in said
    assert "ratio" not in said.partition("closed against open")[2].partition("The arms are not comparable")[0]


# Published results of other tools -------------------------------------------------------------------------------------


@pytest.mark.needs_shared
def test_wrk_and_wrk2_at_one_stalling_server_are_class_x(shared_data: Path, compared: Any) -> None:
    generators = shared_data / "generators"
    code, found = compared(str(generators / "wrk" / "latency.txt"), str(generators / "wrk2" / "latency.txt"))
    assert (code, found["comparability"]["grade"]) == (4, "X")
    why = {entry["path"]: entry["why"] for entry in found["comparability"]["violations"]}
    assert {"load.generator", "load.loop", "load.latency_origin"} <= set(why)
    assert "cannot send what is due in a stall" in why["load.loop"]


@pytest.mark.needs_shared
def test_fortio_and_wrk2_must_not_be_compared_and_a_reader_understands_why(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generators = shared_data / "generators"
    files = [str(generators / "fortio" / "http.json"), str(generators / "wrk2" / "latency.txt")]
    assert main(["compare", *files]) == 4
    said = " ".join(capsys.readouterr().out.split())
    assert "Class X, not comparable" in said
    for reason in (
        "load.generator: differs (fortio / wrk2; generators time requests differently)",
        "load.latency_origin: differs (actual send / intended send; time from the actual send hides waiting",
        "mesh.type: unknown, blocks",
    ):
        assert reason in said
    assert "To mend it: measure both with the same generator." in said
    assert "so no difference between them is stated" in said
    for word in ("worse", "better", "equivalent"):
        assert f" {word} " not in said.partition("Warnings")[0]


@pytest.mark.needs_shared
@pytest.mark.parametrize("tool", ["fortio/http.json", "wrk2/latency.txt", "wrk/latency.txt", "hey/summary.txt"])
def test_a_file_that_does_not_name_its_mesh_is_not_even_comparable_with_itself(
    shared_data: Path, compared: Any, tool: str
) -> None:
    file = str(shared_data / "generators" / tool)
    code, found = compared(file, file)
    assert (code, found["comparability"]["grade"]) == (4, "X")
    assert found["comparability"]["violations"] == []
    assert "mesh.type" in _paths(found["comparability"]["unknowns"])
