"""What a price was measured under, and what of it was otherwise later."""

from __future__ import annotations

from simulated import ENVOY, HOST, constant_run, facts_of

from meshperf.analysis.prediction_conditions import conditions_of, other_conditions
from meshperf.spec.records import Fact, RunResult


def run(number: int = 1, **other: object) -> RunResult:
    return constant_run(1e-3, arm="envoy", round=number, facts=facts_of({**HOST, **ENVOY, **other}))


def test_the_facts_that_a_price_depends_on_are_kept_and_which_graph_it_was_is_not() -> None:
    found = conditions_of([run(1), run(2)], "envoy")
    assert found["load.rate"] == 500.0 and found["proxy.version"] == "1.38.0" and found["host.kernel"] == "6.1.55"
    assert "workload.graph" not in found and "workload.response_bytes" in found
    assert conditions_of([run()], "istio") == {}


def test_what_changed_between_rounds_and_what_is_never_judged_is_no_condition() -> None:
    found = conditions_of([run(1), run(2, **{"host.kernel": "6.2", "load.seed": 1})], "envoy")
    assert "host.kernel" not in found and "load.seed" not in found


def test_another_graph_under_the_same_conditions_differs_in_nothing() -> None:
    graph = run(1, **{"workload.graph": "chain", "workload.graph_digest": "ab", "workload.services": 3})
    assert other_conditions(conditions_of([run()], "envoy"), graph) == ()


def test_a_condition_that_was_otherwise_or_is_not_known_is_told_with_both_values() -> None:
    conditions = conditions_of([run()], "envoy")
    other = run(1, **{"load.rate": 200.0, "host.kernel": "7.0"})
    assert {(each.path, each.a, each.b) for each in other_conditions(conditions, other)} == {
        ("load.rate", 500.0, 200.0), ("host.kernel", "6.1.55", "7.0"),
    }  # fmt: skip
    silent = run()
    facts = {**silent.facts, "proxy.version": Fact(source="simulation", unavailable="it does not say")}
    (unknown,) = other_conditions(conditions, constant_run(1e-3, arm="envoy", facts=facts))
    assert (unknown.path, unknown.a, unknown.b) == ("proxy.version", "1.38.0", None)
