"""`meshperf validate` on SMP documents of every dialect, and the conformance suite in both directions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshperf.cli import main
from meshperf.spec.conformance import cases, judge_reader
from meshperf.spec.smp_document import Dialect, Kind, SmpDocument
from meshperf.spec.smp_writing import write_smp


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_our_reader_holds_every_case(case) -> None:  # type: ignore[no-untyped-def]
    outcome = judge_reader(case)
    assert outcome.ok, outcome.found


def test_the_suite_runs_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--suite"]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith(f"{len(cases())} of {len(cases())} held\n")


def write_all(folder: Path, *, spoil: bool = False) -> int:
    """What a perfect writer makes of the cases, through our own; `spoil` changes one rate."""
    written = 0
    for case in cases():
        documents = [
            SmpDocument(kind=Kind(one["kind"]), data=one["data"]) for one in case.expected.get("documents", [])
        ]
        for dialect in Dialect if documents else ():
            if dialect is Dialect.PROTOBUF and len(documents) > 1:
                continue
            binary = dialect in (Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED)
            content = write_smp(documents, dialect, lossy=True)
            if spoil and case.name.startswith("006") and not binary:
                content = content.replace(b"2.0", b"2.5")
            (folder / f"{case.name}.{dialect}.{'binpb' if binary else 'json'}").write_bytes(content)
            written += 1
    return written


def test_files_of_a_writer_are_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = write_all(tmp_path)
    assert main(["validate", "--suite", "--writer-output", str(tmp_path), "--json"]) == 0
    outcomes = json.loads(capsys.readouterr().out)
    assert (len(outcomes), all(one["ok"] for one in outcomes)) == (written, True)


def test_a_writer_that_changes_a_number_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path, spoil=True)
    assert main(["validate", "--suite", "--writer-output", str(tmp_path)]) == 2
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 4
    assert all("006-zero-is-not-absent" in line for line in wrong)


def test_a_suite_of_ones_own_is_run_and_what_does_not_hold_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "001-x.input.json").write_text('{"actual_qps": 5}')
    expected = {"title": "x", "documents": [{"kind": "PerformanceTestResult", "data": {"actual_qps": 6}}]}
    (tmp_path / "001-x.expect.json").write_text(json.dumps(expected))
    assert main(["validate", "--suite", str(tmp_path)]) == 2
    assert 'data is {"actual_qps": 5.0}, not {"actual_qps": 6}' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--suite", "nowhere"], "MP2001"),
        (["--suite", "--writer-output", "nowhere"], "MP1001"),
        (["--writer-output", "nowhere"], "MP1002"),
        (["a.json", "--suite"], "MP1002"),
        ([], "MP1001"),
    ],
)
def test_what_makes_no_sense_is_told(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_problem_in_any_dialect_has_its_line_and_a_caret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"actualQps": 5,\n "latenciesMs": {"p50": "slow"}}')
    assert main(["validate", str(path)]) == 2
    assert capsys.readouterr().err == (
        "error[MP2204]: `p50` must be a finite number, found `slow`\n"
        f"  --> {path}:2:25  (/latenciesMs/p50)\n"
        '  |\n2 |  "latenciesMs": {"p50": "slow"}}\n  |                         ^\n'
    )


def test_each_dialect_is_named_with_its_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = SmpDocument(kind=Kind.RESULT, data={"id": "r", "actual_qps": 5.0, "vendor": 1})
    for dialect in (Dialect.STRICT, Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED):
        path = tmp_path / dialect
        path.write_bytes(write_smp([document], dialect))
        assert main(["validate", str(path)]) == 0
        shown = capsys.readouterr().out
        assert f"SMP PerformanceTestResult, {dialect}\n    note: keys that neither" in shown
