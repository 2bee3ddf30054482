"""An experiment that is asked for a resolution, with real processes: pilot, plan, rounds; cut off, and gone on with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from .tolerant import TolerantCommand

pytestmark = [pytest.mark.e2e, pytest.mark.needs_native]

RESOLVED = """\
experiment: resolved
subject: [client_library]
environment: local
workload: {graph: echo, response_bytes: 256}
load:
  - {protocol: http1, rate: 200, connections: 2, arrivals: poisson, warmup: 200ms, duration: 600ms}
design: interleaved
slice: 200ms
rounds: 5
seed: 7
resolution: {p50: 90%}
arms:
  baseline:       {mesh: none}
  client-library: {mesh: none, client_library: {mtls: true}}
"""


def _lines(path: Path) -> int:
    return path.read_text().count("\n") if path.is_file() else 0


def _killed_when(command: TolerantCommand, arguments: tuple[str | Path, ...], journal: Path) -> None:
    """Start, and kill as soon as a round is in `journal`."""
    before = _lines(journal)
    started = command.start("run", *arguments)
    end = time.monotonic() + 60
    while _lines(journal) <= before and started.poll() is None:
        assert time.monotonic() < end, "no round within 60 s"
        time.sleep(0.02)
    started.kill()
    told = started.communicate()
    assert _lines(journal) > before, told


def test_a_resolution_is_planned_from_a_pilot_and_survives_kills_in_pilot_and_rounds(tmp_path: Path) -> None:
    command, out = TolerantCommand(tmp_path), tmp_path / "out"
    experiment = tmp_path / "resolved.yaml"
    experiment.write_text(RESOLVED)

    _killed_when(command, (experiment, "--out", out), out / "pilot" / "rounds.jsonl")
    first = (out / "pilot" / "rounds.jsonl").read_text().splitlines()[0]
    assert not (out / "plan.json").exists()
    assert not _lines(out / "rounds.jsonl"), "a round was counted before there was a plan"

    _killed_when(command, (experiment, "--resume", out), out / "rounds.jsonl")
    assert (out / "pilot" / "rounds.jsonl").read_text().splitlines()[0] == first, "a finished pilot round was made anew"
    planned = (out / "plan.json").read_bytes()

    result = command.run("run", experiment, "--resume", out)
    assert result.returncode == 0, result.stderr
    assert (out / "plan.json").read_bytes() == planned, "going on planned again"
    plan = json.loads(planned)
    (comparison,) = json.loads((out / "comparison.json").read_text())
    end = comparison["planned"]
    assert end["planned"] == plan["rounds"] <= 5
    assert end["made"] == _lines(out / "rounds.jsonl") == comparison["rounds"]
    assert comparison["alpha"] == dict(zip(plan["looks"], plan["alphas"], strict=True))[end["made"]]
    assert "planned" in result.stdout, "the reader is not told"
    listed = json.loads((out / "MANIFEST.json").read_text())["files"]
    assert {"plan.json", "pilot/MANIFEST.json"} <= listed.keys()
    assert not any(name.startswith("pilot/results") for name in listed), "the pilot's own manifest lists them"

    verified = command.run("verify", out)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    (out / "plan.json").write_text(planned.decode().replace('"rounds": ', '"rounds":  '))
    assert command.run("verify", out).returncode == 2
    assert not command.leftovers()
