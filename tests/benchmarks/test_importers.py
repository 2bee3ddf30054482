"""The table of importers and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.importers import main
from imported_samples import sample


def test_every_form_has_a_sample_and_a_failed_run_is_told_as_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = tmp_path / "one-bar.json"
    failed.write_bytes(
        sample("oha.json").replace(b'{"200":95,"500":5}', b'{"500":100}').replace(b'"connection timeout":2', b'"x":2')
    )
    (tmp_path / "strange.txt").write_text("nothing that any tool writes\n")
    outcome = main([str(failed), str(tmp_path / "strange.txt")])
    (finding,) = outcome.findings
    assert finding.met
    heading, _, row, *rest = capsys.readouterr().out.splitlines()
    assert heading.startswith("| form | file | rate | p50 | p99 | errors |")
    assert row.split(" | ")[:3] == ["| oha", "one-bar.json", "0/s"]
    assert "4 ms of failures" in row and "102 of 102: all failed" in row
    assert rest[0].startswith("refused: strange.txt: MP2401")


@pytest.mark.needs_shared
def test_the_recorded_files_are_read_and_the_linkerd_records_failed(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = main([])
    assert all(finding.met for finding in outcome.findings) and len(outcome.findings) == 3
    assert "| wrk2 | generators/wrk2/latency.txt | 499.58/s | 0.839 [0.839, 0.84] ms |" in capsys.readouterr().out
