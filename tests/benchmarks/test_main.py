"""The command line of the benchmarks, with benchmarks that only say what they were asked."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types

import pytest

from benchmarks import __main__ as command
from benchmarks.findings import Finding, Outcome, bounded
from benchmarks.pinned import RunFailed


@pytest.fixture
def fakes(monkeypatch):
    """Modules by benchmark's name; those that are not here fail to be imported."""
    modules: dict[str, types.SimpleNamespace] = {}
    real = importlib.import_module

    def load(path):
        names = {path: name for name, path in command.NAMES.items()}
        return modules[names[path]] if path in names else real(path)

    monkeypatch.setattr(importlib, "import_module", load)
    return modules


def call(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, arguments)])
    assert command.main() == 0


def test_options_after_one_name_are_its_own(fakes, monkeypatch):
    asked = []
    fakes["memory"] = types.SimpleNamespace(main=asked.append)
    call(monkeypatch, "memory", "--minutes", "1", "--warmup", "2")
    assert asked == [["--minutes", "1", "--warmup", "2"]]


def test_acceptance_is_told_what_was_found_before(fakes, monkeypatch, capsys):
    found = bounded("evenness", 0.2, 0.3, test=4)
    told = []
    fakes["dispersion"] = types.SimpleNamespace(main=lambda arguments: Outcome(findings=(found,)))
    fakes["acceptance"] = types.SimpleNamespace(main=lambda arguments, *, earlier: told.extend(earlier))
    call(monkeypatch, "dispersion", "acceptance")
    assert told == [found]
    assert "evenness   0.200  <= 0.3  met" in capsys.readouterr().out


def test_one_that_fails_leaves_the_others_running_and_says_why(fakes, monkeypatch, tmp_path, capsys):
    def fail(arguments):
        raise RunFailed("nobody listens")

    fakes["speed"] = types.SimpleNamespace(main=fail)
    unknown = Finding(what="odd", figure="-", value=float("nan"))
    fakes["stall"] = types.SimpleNamespace(main=lambda arguments: Outcome(findings=(unknown,), tools={"wrk": "4.1.0"}))
    call(monkeypatch, "speed", "stall", "--json", tmp_path / "bench.json")
    assert "speed: nobody listens" in capsys.readouterr().out
    document = json.loads((tmp_path / "bench.json").read_text())
    (failed,) = document["benchmarks"]["speed"]["findings"]
    assert (failed["verdict"], failed["note"]) == ("not measured", "nobody listens")
    assert document["benchmarks"]["stall"]["findings"][0]["value"] is None
    assert document["benchmarks"]["stall"]["tools"] == {"wrk": "4.1.0"}
    assert document["machine"]["cores"] >= 1


@pytest.mark.parametrize("arguments", [["sped"], ["speed", "stall", "--runs", "1"]])
def test_what_makes_no_sense_is_refused(fakes, monkeypatch, arguments):
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, *arguments)
    assert ended.value.code == 2


def test_every_name_has_a_module():
    missing = [name for name, path in command.NAMES.items() if importlib.util.find_spec(path) is None]
    assert missing == []
