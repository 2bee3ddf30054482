"""The program of the guide to price lists, run on simulated rounds whose prices are known."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshperf.analysis import compare
from meshperf.spec.experiment import read_experiment
from meshperf.spec.graph_packaged import packaged_path
from meshperf.spec.graph_reading import read_graph

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from console_blocks import ROOT, blocks
from simulated import BARE, ENVOY, HOST, MARGINS, constant_run, facts_of

import prediction_sample

HOP_S = {"tcp": 150e-6, "http": 250e-6, "mtls": 300e-6, "log": 320e-6}


def run(arm: str, number: int, seconds: float, **settings: Any) -> Any:
    own = BARE if arm == "baseline" else ENVOY
    facts = facts_of({**HOST, **own, **settings.pop("facts", {})})
    return constant_run(seconds + number * 1e-6, arm=arm, round=number, cpu_s=seconds, facts=facts, **settings)


def test_the_program_foretells_a_chain_and_checks_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = (b.text for b in blocks(ROOT / "docs/guides/price-list.md") if b.language == "python")
    guide: dict[str, Any] = {}
    exec(program, guide)
    places = {"baseline": (0, 1), "tcp": (0,), "http": (0,), "mtls": (1,), "log": (1,)}
    prices = [
        run(arm, number, 1e-3 + HOP_S.get(arm, 0.0), group=group)
        for number in range(1, 7)
        for arm, groups in places.items()
        for group in groups
    ]
    later = datetime.now(UTC) + timedelta(days=1)
    chain = {"workload.graph_digest": read_graph(packaged_path("chain")).digest}
    graph = [
        run(arm, number, 3e-3 + added, facts=chain, start_time=later)
        for number in range(1, 7)
        for arm, added in (("baseline", 0.0), ("envoy", 3 * HOP_S["mtls"] + 2e-4))
    ]
    path = tmp_path / "prices.yaml"
    path.write_text(prediction_sample.PRICES)
    experiment = read_experiment(path)
    kept = {
        "prices": SimpleNamespace(experiment=lambda: experiment, runs=lambda: prices),
        "graph": SimpleNamespace(experiment=lambda: experiment, runs=lambda: graph),
    }
    guide["open_bundle"] = lambda path: nullcontext(kept[str(path)])
    guide["judge_runs"] = lambda _, runs: compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
    document = guide["foretell"](Path("prices"))
    assert document["path"] == ["front", "middle", "back"]
    guide["check"](document, document["sha256"], Path("graph"))
    printed = {line.split()[0]: line.split()[1:3] for line in capsys.readouterr().out.splitlines()}
    foretold, measured = map(float, printed["mean"])
    assert foretold == pytest.approx(3 * HOP_S["mtls"], rel=0.02)
    assert measured - foretold == pytest.approx(2e-4, rel=0.1)
