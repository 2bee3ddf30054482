"""Error codes are an interface: each is documented and tested, and each error says what happened and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshperf import errors
from meshperf.errors import CODES, DocumentError, ExitCode, Location, MeshperfError

ROOT = Path(__file__).parents[1]


def test_every_code_is_in_the_reference_with_its_meaning_and_no_other_is() -> None:
    text = (ROOT / "docs" / "reference" / "errors.md").read_text()
    documented = dict(re.findall(r"^\| (MP\d{4}) \| \d \| ([^|]+) \|", text, flags=re.M))
    assert documented == CODES


def test_every_code_is_in_at_least_one_other_test() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
    assert [code for code in CODES if code not in tests] == []


def test_every_code_that_the_source_raises_is_listed() -> None:
    used = {code for path in (ROOT / "src").rglob("*.py") for code in re.findall(r"\"(MP\d{4})\"", path.read_text())}
    assert used <= set(CODES)


def test_a_code_that_is_not_listed_cannot_be_raised() -> None:
    with pytest.raises(ValueError, match="MP9999"):
        MeshperfError("MP9999", "x")


def test_an_error_shows_code_place_and_hint_and_so_do_the_others_of_its_file() -> None:
    place = Location(path=Path("a.yaml"), line=14, column=9, pointer="/load/rate")
    other = DocumentError("MP2101", "unknown key `x`", location=Location(path=Path("a.yaml"), line=20))
    error = DocumentError("MP2103", "must be greater than 0", location=place, hint="leave it out", others=[other])
    assert str(error) == (
        "error[MP2103]: must be greater than 0\n  --> a.yaml:14:9  (/load/rate)\n\nhint: leave it out"
        "\n\nerror[MP2101]: unknown key `x`\n  --> a.yaml:20"
    )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("UsageError", ExitCode.USAGE),
        ("DocumentError", ExitCode.USAGE),
        ("PrerequisiteError", ExitCode.PREREQUISITE),
        ("ComparisonError", ExitCode.NOT_COMPARABLE),
        ("DeploymentError", ExitCode.NOT_MEASURED),
        ("CaptureError", ExitCode.NOT_MEASURED),
        ("StorageError", ExitCode.NOT_MEASURED),
    ],
)
def test_each_branch_of_the_tree_has_its_exit_code(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code
