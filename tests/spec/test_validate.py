"""`meshperf validate` and `meshperf schema` on real command lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from generated_runs import sample_run

from meshperf.cli import main
from meshperf.spec.schemas import schema_text
from meshperf.spec.smp import write_result

ROOT = Path(__file__).parents[2]


def test_good_files_are_named_with_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "run.json"
    write_result(sample_run(), result)
    files = [ROOT / "examples" / "quickstart.yaml", ROOT / "examples" / "smp-test.yaml", result]
    assert main(["validate", *map(str, files)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith("ok  ") for line in lines] == [True] * 3
    assert "3 arm(s), 6 round(s)" in lines[0]
    assert "SMP test `Load Test`" in lines[1]
    assert "result of envoy, round 0" in lines[2]


def test_gates_and_rules_are_checked_as_their_verbs_read_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, rules = tmp_path / "gate.yaml", tmp_path / "rules.yaml"
    gate.write_text("gate: budget\nobjectives: [p90 <= 50ms]\nmargins: {p50: 5%}\n")
    rules.write_text("rules: ours\nversion: 1\nfields:\n  - {path: host.kernel, severity: FREE}\n")
    assert main(["validate", str(gate), str(rules)]) == 0
    first, second, note = capsys.readouterr().out.splitlines()
    assert first.endswith("gate `budget`, 1 objective(s), 1 margin(s)")
    assert second.endswith("rules of comparability `ours`, 1 rule(s)")
    assert note.strip() == "note: loosens host.kernel: severity EQ to FREE"
    gate.write_text("gate: budget\nmargin: {p50: 5%}\n")
    rules.write_text("rules: ours\nversion: 1\nfields:\n  - {path: host.kernel, severity: SAME}\n")
    assert main(["validate", "--json", str(gate), str(rules)]) == 2
    found = [one["problems"][0] for one in json.loads(capsys.readouterr().out)]
    assert [(one["code"], one["line"], one["column"]) for one in found] == [("MP2101", 2, 1), ("MP2103", 4, 35)]


def test_a_wrong_file_shows_its_line_with_a_caret_and_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], good: str
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(good.replace("rate: 500", "rate: 0"))
    assert main(["validate", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"error[MP2103]: `rate` must be greater than 0, found `0`\n  --> {path}:4:12  (/load/0/rate)\n"
        "  |\n4 |   - {rate: 0, duration: 5s}\n  |            ^\n\n"
        "hint: for as many requests as possible, write `arrivals: closed` and leave `rate` out\n"
    )


def test_findings_as_json_hold_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str], good: str) -> None:
    wrong, syntax = tmp_path / "a.yaml", tmp_path / "b.yaml"
    wrong.write_text(good.replace("rate: 500", "rate: 0") + "rouns: 3\n")
    syntax.write_text("a: [1,\n")
    assert main(["validate", "--json", str(wrong), str(syntax), str(tmp_path / "gone.yaml")]) == 2
    first, second, third = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["line"]) for one in first["problems"]] == [("MP2103", 4), ("MP2101", 8)]
    assert [one["code"] for one in second["problems"]] == ["MP2002"]
    assert [one["code"] for one in third["problems"]] == ["MP2001"]


def test_a_file_with_a_control_sequence_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: \x1b[2J")
    assert main(["validate", str(path)]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["experiment", "result"])
def test_the_schema_is_printed_as_it_is_published(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    assert capsys.readouterr().out == schema_text(name)
