"""The command line's promises that hold for every verb."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from meshperf.cli import VERBS

HEAVY = ("pydantic", "numpy", "scipy", "altair", "fastapi", "sqlalchemy", "ruamel", "cryptography", "rich", "jinja2")


def modules_after(*arguments: str) -> set[str]:
    """Names of the modules that are loaded once the command has run with these arguments."""
    code = (
        "import json, sys; from meshperf.cli import main; code = main(sys.argv[1:]);"
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=25, check=True
    )
    exit_code, modules = json.loads(done.stderr.splitlines()[-1])
    assert exit_code == 0
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    assert modules_after(*arguments).isdisjoint(HEAVY)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_has_examples_and_loads_nothing_heavy(verb: str) -> None:
    assert modules_after(verb, "--help").isdisjoint(HEAVY)
    shown = subprocess.run(
        [sys.executable, "-m", "meshperf", verb, "--help"], capture_output=True, text=True, timeout=25, check=True
    ).stdout
    assert "xample" in shown
    assert f"meshperf {verb}" in shown


def test_an_unknown_verb_is_a_usage_error_with_the_next_step() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meshperf", "rum"], capture_output=True, text=True, timeout=25, check=False
    )
    assert done.returncode == 2
    assert "error[MP1001]" in done.stderr
    assert "meshperf --help" in done.stderr
    assert done.stdout == ""


def test_an_unexpected_exception_exits_5_and_never_1() -> None:
    code = (
        "import sys, meshperf.cli as cli; from meshperf.cli import validate;"
        "validate.command.callback = lambda **_: 1 / 0; sys.exit(cli.main(['validate', 'x.yaml']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=25, check=False)
    assert done.returncode == 5
    assert "error[MP5202]" in done.stderr
    assert "Traceback" not in done.stderr
