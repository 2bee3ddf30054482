"""`meshperf gate`."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import imported_samples
import kept_sample
from meshperf.cli import main

FORTIO = str(imported_samples.SAMPLES / "fortio-http.json")
LOOSE = "rules: r\nversion: 1\nfields:\n  - {path: host.governor, unknown: note}\n"

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folders = []
    for name in ("main", "change"):
        folder = tmp_path_factory.mktemp(name)
        folders.append(str(kept_sample.bundle(folder).rename(folder / name)))
    return folders[0], folders[1]


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Hold results to a gate: exit code and document."""

    def hold(*references: str, gate: str, options: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
        file = tmp_path / "gate.yaml"
        file.write_text(f"gate: g\n{gate}\n")
        code = main(["gate", *references, "--against", str(file), "--json", *options])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert document["exit_code"] == code
        return code, document

    return hold


def _outcomes(document: dict[str, Any]) -> dict[str, str]:
    return {f"{one['arm']}: {one['asked']}": one["outcome"] for one in document["checks"]}


def test_what_holds_exits_with_0(bundles: tuple[str, str], ask: Ask) -> None:
    code, found = ask(bundles[0], gate="objectives: [p90 <= 50ms]\nmargins: {p50: 100%, cpu_per_request: 10%}")
    assert code == 0 and set(_outcomes(found).values()) == {"held"}
    assert {one["arm"] for one in found["checks"]} == {"envoy"}


def test_a_broken_objective_or_margin_exits_with_1_and_its_reason(bundles: tuple[str, str], ask: Ask) -> None:
    code, found = ask(bundles[0], gate="objectives: [mean <= 1ms, p90 <= 50ms]\nmargins: {p50: 5%}")
    assert code == 1
    assert _outcomes(found) == {
        "envoy: mean <= 1ms": "broken",
        "envoy: p90 <= 50ms": "held",
        "envoy: p50 at most 5 % above baseline": "broken",
    }
    reasons = [one["reason"] for one in found["checks"]]
    assert reasons[0].startswith("measured 1.4") and "against x1.05" in reasons[2]


def test_an_undecided_margin_passes_unless_the_gate_says_otherwise(bundles: tuple[str, str], ask: Ask) -> None:
    code, found = ask(bundles[0], gate="margins: {p50: 35%}")
    assert code == 0 and list(_outcomes(found).values()) == ["undecided"]
    code, found = ask(bundles[0], gate="margins: {p50: 35%}\nundecided: fails")
    assert code == 1 and "does not let pass" in found["checks"][0]["reason"]


def test_an_absolute_floor_lets_a_small_amount_pass(bundles: tuple[str, str], ask: Ask) -> None:
    code, found = ask(bundles[0], gate="margins: {p50: 5%}\nabsolute_floors: {p50: 2ms}")
    assert code == 0
    assert _outcomes(found) == {"envoy: p50 at most 5 % above baseline, or 2 ms more": "held"}
    assert "against the floor of 2 ms" in found["checks"][0]["reason"]
    assert ask(bundles[0], gate="margins: {p50: 5%}\nabsolute_floors: {p50: 20us}")[0] == 1


def test_the_floors_that_an_experiment_declared_hold_in_a_gate_too(
    tmp_path_factory: pytest.TempPathFactory, ask: Ask
) -> None:
    folder = tmp_path_factory.mktemp("floored")
    floored = kept_sample.bundle(folder, kept_sample.TEXT + "absolute_floors: {p50: 2ms}\n")
    assert ask(str(floored), gate="margins: {p50: 5%}")[0] == 0
    assert ask(str(floored), gate="margins: {p50: 5%}\nabsolute_floors: {p50: 1us}")[0] == 1


def test_what_cannot_be_tried_is_not_held(bundles: tuple[str, str], ask: Ask) -> None:
    code, found = ask(bundles[0], gate="margins: {p99: 50%}")
    assert code == 4 and list(_outcomes(found).values()) == ["could not be tried"]
    assert "pooled" in found["checks"][0]["reason"] or "merged" in found["checks"][0]["reason"]


def test_sessions_that_are_only_indicative_do_not_pass_silently(
    bundles: tuple[str, str], tmp_path: Path, ask: Ask
) -> None:
    assert ask(*bundles, gate="margins: {cpu_per_request: 10%}")[0] == 4
    rules = tmp_path / "rules.yaml"
    rules.write_text(LOOSE)
    code, found = ask(*bundles, gate="margins: {cpu_per_request: 10%}", options=("--rules", str(rules)))
    assert code == 0 and list(_outcomes(found)) == ["envoy@change: CPU per request at most 10 % above envoy@main"]
    assert "loosened: host.governor" in found["comparisons"][0]["comparability"]["rules"]
    assert found["loosened"] == ["host.governor: unknown flag to note"]


def test_a_gate_that_holds_by_loosened_rules_says_so(
    bundles: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, rules, page = tmp_path / "gate.yaml", tmp_path / "rules.yaml", tmp_path / "gate.md"
    gate.write_text("gate: g\nmargins: {cpu_per_request: 10%}\n")
    rules.write_text(LOOSE)
    options = ["--against", str(gate), "--rules", str(rules), "--summary", str(page)]
    assert main(["gate", *bundles, *options]) == 0
    assert "The rules were loosened: host.governor: unknown flag to note." in capsys.readouterr().out
    assert "loosened: host.governor: unknown flag to note" in page.read_text()


def test_arms_may_be_named(bundles: tuple[str, str], ask: Ask, tmp_path: Path) -> None:
    _, found = ask(bundles[0], gate="objectives: [p90 <= 50ms]\narms: [baseline]")
    assert list(_outcomes(found)) == ["baseline: p90 <= 50ms"]
    file = tmp_path / "nobody.yaml"
    file.write_text("gate: g\nobjectives: [p90 <= 50ms]\narms: [nobody]\n")
    assert main(["gate", bundles[0], "--against", str(file)]) == 2


def test_a_quantile_of_another_tool_holds_only_with_all_of_its_bucket(ask: Ask) -> None:
    code, found = ask(FORTIO, gate="objectives: [p90 <= 2.5ms, p50 <= 2ms]")
    assert code == 0 and list(_outcomes(found).values()) == ["undecided", "held"]
    assert ask(FORTIO, gate="objectives: [p99 <= 1ms]")[0] == 1
    assert ask(FORTIO, gate="objectives: [cpu_per_request <= 1ms]")[0] == 4


def test_a_single_result_has_no_margin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text("gate: g\nmargins: {p50: 5%}\n")
    assert main(["gate", FORTIO, "--against", str(file)]) == 2
    assert "nothing to hold a margin against" in capsys.readouterr().err


def test_junit_sarif_and_summary_say_what_the_exit_code_says(
    bundles: tuple[str, str], tmp_path: Path, ask: Ask
) -> None:
    names = {form: tmp_path / f"gate.{form}" for form in ("junit", "sarif", "summary")}
    options = tuple(word for form, path in names.items() for word in (f"--{form}", str(path)))
    code, _ = ask(bundles[0], gate="objectives: [mean <= 1ms]\nmargins: {p99: 50%}", options=options)
    root = ElementTree.fromstring(names["junit"].read_text())
    assert (code, root.get("failures"), root.get("errors")) == (1, "1", "1")
    levels = [one["level"] for one in json.loads(names["sarif"].read_text())["runs"][0]["results"]]
    assert levels.count("error") == 2
    assert "The gate is broken." in names["summary"].read_text() and "## Verdicts" in names["summary"].read_text()
    code, _ = ask(bundles[0], gate="objectives: [p90 <= 50ms]", options=options)
    root = ElementTree.fromstring(names["junit"].read_text())
    assert (code, root.get("failures"), root.get("errors")) == (0, "0", "0")


def test_the_table_is_printed(bundles: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text("gate: budget\nobjectives: [p90 <= 50ms]\n")
    assert main(["gate", bundles[0], "--against", str(file)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Gate budget") and "The gate holds." in said
    assert main(["gate", *bundles, bundles[0], "--against", str(file)]) == 2
