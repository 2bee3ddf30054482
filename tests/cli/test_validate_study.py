"""`meshperf validate` knows every kind of file that `meshperf run` takes; here, studies of control planes."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from meshperf.cli.validate import command

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "control-plane.yaml"


def test_a_study_of_control_planes_is_told_as_one() -> None:
    result = CliRunner().invoke(command, [str(EXAMPLE)], standalone_mode=False)
    assert result.return_value == 0, result.output
    assert "study of control planes `" in result.output
    assert "arm(s)" in result.output


def test_a_wrong_key_of_a_study_is_told_with_its_line(tmp_path: Path) -> None:
    wrong = tmp_path / "study.yaml"
    wrong.write_text(EXAMPLE.read_text() + "\nproxis: [1]\n")
    result = CliRunner().invoke(command, [str(wrong)], standalone_mode=False)
    assert result.return_value == 2
    assert "MP2101" in result.output
    assert "proxis" in result.output
