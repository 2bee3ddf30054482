"""Predictions for call graphs whose true additions are known, and what they are held to."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from simulated import BARE, BEGIN, ENVOY, HOST, MARGINS, constant_run, facts_of

from meshperf.analysis import Comparison, compare
from meshperf.analysis.critical_path import critical_path
from meshperf.analysis.ladder import Ladder, price_ladder
from meshperf.analysis.ladder_order import LadderOrder, LadderStep
from meshperf.analysis.prediction import PREDICTED_METRICS, Prediction, predict
from meshperf.analysis.prediction_check import check_prediction
from meshperf.analysis.prediction_document import (
    prediction_digest,
    prediction_from_document,
    prediction_to_document,
)
from meshperf.errors import ComparisonError, DocumentError
from meshperf.spec.graph import Call, Graph, GraphService
from meshperf.spec.graph_packaged import packaged_path
from meshperf.spec.graph_reading import read_graph
from meshperf.spec.records import RunResult

CHAIN = read_graph(packaged_path("chain"))
BEFORE = BEGIN - timedelta(days=1)
HOP_S = {"http": 300e-6, "mtls": 100e-6}
ORDER = LadderOrder(
    baseline="baseline",
    steps=(
        LadderStep(before="baseline", after="http", changes={"mesh": "envoy"}),
        LadderStep(before="http", after="mtls", changes={"mtls": "strict"}),
    ),
    whole="mtls",
    summed=("http", "mtls"),
)


def run(arm: str, number: int, seconds: float, cpu: float, **facts: object) -> RunResult:
    own = BARE if arm == "baseline" else ENVOY
    return constant_run(
        seconds, arm=arm, round=number, requests=1000, cpu_s=1000 * cpu, facts=facts_of({**HOST, **own, **facts})
    )


def prices(seed: int, *, rounds: int = 6, sd_s: float = 20e-6) -> Ladder:
    rng = np.random.default_rng(seed)
    truth = {"baseline": 0.0, "http": HOP_S["http"], "mtls": sum(HOP_S.values())}
    runs = [
        run(arm, number, 1e-3 + added + rng.normal() * sd_s, 50e-6 + added / 4)
        for number in range(1, rounds + 1)
        for arm, added in truth.items()
    ]
    return price_ladder(runs, ORDER, subject=("mesh",))


def graph_runs(seed: int, *, rounds: int = 6, sd_s: float = 40e-6, more_s: float = 0.0) -> list[RunResult]:
    """Three hops of the chain: three prices, and `more_s` that no price tells of."""
    rng = np.random.default_rng(10_000 + seed)
    added = 3 * sum(HOP_S.values())
    seen = {"workload.graph_digest": CHAIN.digest}
    return [
        run(arm, number, 3e-3 + own + rng.normal() * sd_s, 150e-6 + own / 4, **seen)
        for number in range(1, rounds + 1)
        for arm, own in (("baseline", 0.0), ("envoy", added + more_s))
    ]


def judged(runs: list[RunResult]) -> Comparison:
    (found,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
    return found


def foretold(seed: int = 1, **changes: object) -> Prediction:
    return replace(predict(CHAIN, prices(seed), ("http", "mtls"), made_at=BEFORE, source="simulated"), **changes)


def test_a_chain_of_three_adds_three_hops() -> None:
    found = predict(CHAIN, prices(1, sd_s=0.0), ("http", "mtls"), made_at=BEFORE)
    assert found.path == ("front", "middle", "back")
    for one in found.metrics:
        assert one.hops == 3
        assert one.added.value == pytest.approx(3 * one.price.value)
    by_name = {one.metric: one.added.value for one in found.metrics}
    assert by_name["mean"] == pytest.approx(3 * 400e-6, rel=0.02)
    assert by_name["cpu_per_request"] == pytest.approx(3 * 100e-6)


def test_prediction_and_measurement_agree_as_often_as_the_interval_says() -> None:
    times, agreed = 200, 0
    for seed in range(times):
        runs = graph_runs(seed)
        checks = check_prediction(foretold(seed), judged(runs), runs, arm="envoy")
        agreed += bool({one.metric: one for one in checks}["mean"].agrees)
    sampling = 3 * math.sqrt(0.95 * 0.05 / times)
    assert 0.95 - sampling <= agreed / times <= 1.0


def test_what_no_price_tells_of_is_the_difference_with_its_sign() -> None:
    for more_s in (-500e-6, 500e-6):
        runs = graph_runs(3, more_s=more_s)
        checks = {one.metric: one for one in check_prediction(foretold(), judged(runs), runs, arm="envoy")}
        assert set(checks) == set(PREDICTED_METRICS)
        mean = checks["mean"]
        assert mean.agrees is False
        assert mean.difference.low <= more_s <= mean.difference.high
        assert checks["cpu_per_request"].difference.value == pytest.approx(more_s / 4)
        assert math.copysign(1.0, mean.share) == math.copysign(1.0, more_s)


def test_a_prediction_made_after_the_first_run_is_refused() -> None:
    runs = graph_runs(1)
    late = foretold(made_at=min(run.start_time for run in runs))
    with pytest.raises(ComparisonError, match="before the prediction was made") as caught:
        check_prediction(late, judged(runs), runs, arm="envoy")
    assert caught.value.code == "MP4001"


def test_another_graph_and_another_arm_are_refused() -> None:
    runs = graph_runs(1)
    with pytest.raises(ComparisonError, match="another one was measured"):
        check_prediction(foretold(graph_digest="0" * 64), judged(runs), runs, arm="envoy")
    with pytest.raises(ComparisonError, match="no comparable run of `istio`") as caught:
        check_prediction(foretold(), judged(runs), runs, arm="istio")
    assert caught.value.code == "MP4002"


def test_a_pilot_is_held_against_it_without_a_judgement() -> None:
    runs = [replace(one, design=replace(one.design, pilot=True)) for one in graph_runs(1, rounds=2)]
    for one in check_prediction(foretold(), judged(runs), runs, arm="envoy"):
        assert one.agrees is None and math.isfinite(one.difference.value)


def test_a_step_that_has_no_price_foretells_nothing() -> None:
    order = replace(ORDER, steps=(*ORDER.steps, LadderStep(before="mtls", after="log", changes={"access_log": "True"})))
    rounds = [run(arm, number, 1e-3, 50e-6) for number in (1, 2, 3) for arm in ("baseline", "http", "mtls")]
    ladder = price_ladder(rounds, order, subject=("mesh",))
    with pytest.raises(ComparisonError, match="log") as caught:
        predict(CHAIN, ladder, ("http", "log"), made_at=BEFORE)
    assert caught.value.code == "MP4002"
    with pytest.raises(ValueError, match="zone"):
        predict(CHAIN, ladder, ("http",), made_at=BEFORE.replace(tzinfo=None))


def test_a_document_is_read_back_whole() -> None:
    prediction = foretold()
    document = json.loads(json.dumps(prediction_to_document(prediction)))
    assert prediction_from_document(document) == prediction
    assert prediction_from_document(document, digest=document["sha256"]) == prediction
    assert prediction_digest(document) == document["sha256"]


def test_a_document_that_was_touched_does_not_match_its_digest() -> None:
    document = prediction_to_document(foretold())
    kept = document["sha256"]
    touched = json.loads(json.dumps(document))
    touched["metrics"][0]["added"]["value"] *= 1.1
    forged = {**touched, "sha256": prediction_digest(touched)}
    for one, digest in ((touched, None), (forged, kept)):
        with pytest.raises(DocumentError) as caught:
            prediction_from_document(one, digest=digest)
        assert caught.value.code == "MP2301"


@pytest.mark.parametrize(
    ("change", "code"), [({"version": 2}, "MP2201"), ({"steps": None}, "MP2104"), ({"path": ...}, "MP2102")]
)
def test_documents_of_another_form_are_refused(change: dict[str, object], code: str) -> None:
    document = {**prediction_to_document(foretold()), **change}
    document = {key: value for key, value in document.items() if value is not ...}
    document["sha256"] = prediction_digest(document)
    with pytest.raises(DocumentError) as caught:
        prediction_from_document(document)
    assert caught.value.code == code


def graph(**calls: tuple[Call, ...]) -> Graph:
    """Services in the order given, callees first; the last is the entry."""
    services = tuple(GraphService(name=name, calls=made) for name, made in calls.items())
    return Graph(name="made", entry=services[-1].name, services=services, digest="made")


def test_calls_at_the_same_time_are_waited_for_once() -> None:
    made = graph(c=(), b=(Call(to="c"),), a=(), entry=(Call(to="a", times=5), Call(to="b"), Call(to="a", stage=1)))
    assert [(hop.caller, hop.callee, hop.share) for hop in critical_path(made)] == [
        ("client", "entry", 1.0), ("entry", "b", 1.0), ("b", "c", 1.0), ("entry", "a", 1.0),
    ]  # fmt: skip


def test_a_call_that_few_requests_make_counts_by_its_share() -> None:
    made = graph(c=(), b=(Call(to="c", share=0.5),), entry=(Call(to="b", share=0.4),))
    assert [hop.share for hop in critical_path(made)] == pytest.approx([1.0, 0.4, 0.2])


def test_the_slower_of_two_services_is_waited_for() -> None:
    made = graph(fast=(), c=(), slow=(), b=(Call(to="c"),), entry=(Call(to="b"), Call(to="slow")))
    assert [hop.callee for hop in critical_path(made)] == ["entry", "b", "c"]
    own = {"slow": 5e-3}
    assert [hop.callee for hop in critical_path(made, own_s=own, hop_s=1e-3)] == ["entry", "slow"]
