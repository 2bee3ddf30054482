"""How the steps of a price list are read from the arms of an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshperf.analysis.ladder_order import (
    LadderOrder,
    ladder_orders,
    order_of_arms,
    steps_making,
    unlike_settings,
)
from meshperf.spec.experiment import Arm, ClientLibrary, Functions, read_experiment

EXAMPLES = Path(__file__).parents[2] / "examples"
BASELINE = Arm(name="baseline", mesh="none")
TCP = Arm(name="tcp", mesh="envoy", mode="tcp")
HTTP = Arm(name="http", mesh="envoy")
MTLS = Arm(name="mtls", mesh="envoy", mtls="strict")
CLIENT = Arm(name="client", mesh="envoy", mode="tcp", proxies="client")
SERVER = Arm(name="server", mesh="envoy", mode="tcp", proxies="server")
LOG = Arm(name="log", mesh="envoy", mtls="strict", access_log=True)


def rules(name: str, number: int) -> Arm:
    return Arm(name=name, mesh="envoy", mtls="strict", functions=Functions(authorization_rules=number))


def order(*candidates: Arm) -> LadderOrder:
    found = order_of_arms((BASELINE, *candidates))
    assert found is not None
    return found


def begins(found: LadderOrder) -> dict[str, str]:
    return {step.after: step.before for step in found.steps}


def test_a_step_begins_at_the_arm_that_differs_least() -> None:
    found = order(TCP, HTTP, MTLS, rules("one", 1), rules("ten", 10), LOG)
    assert begins(found) == {
        "tcp": "baseline", "http": "tcp", "mtls": "http", "one": "mtls", "ten": "mtls", "log": "mtls",
    }  # fmt: skip
    assert {step.after: dict(step.changes) for step in found.steps}["ten"] == {"functions.authorization_rules": "10"}


def test_the_sum_takes_only_what_the_whole_has() -> None:
    whole = Arm(
        name="all", mesh="envoy", mtls="strict", access_log=True,
        functions=Functions(authorization_rules=10, retries=2, timeout_s=1.0),
    )  # fmt: skip
    retries = Arm(name="retries", mesh="envoy", mtls="strict", functions=Functions(retries=2, timeout_s=1.0))
    found = order(TCP, HTTP, MTLS, rules("one", 1), rules("ten", 10), retries, LOG, whole)
    assert found.whole == "all"
    assert found.summed == ("tcp", "http", "mtls", "ten", "retries", "log")
    assert found.unpriced == () and not found.chained


def test_a_setting_of_the_whole_that_no_step_brings_is_named() -> None:
    whole = Arm(
        name="all", mesh="envoy", mtls="strict", access_log=True,
        functions=Functions(authorization_rules=10, tracing=True, metrics=True),
    )  # fmt: skip
    found = order(HTTP, MTLS, LOG, whole)
    assert found.unpriced == ("functions.authorization_rules", "functions.metrics", "functions.tracing")
    assert found.summed == ("http", "mtls", "log")


def test_arms_that_each_add_one_thing_are_a_chain() -> None:
    found = order(TCP, HTTP, MTLS, LOG)
    assert found.summed == ("tcp", "http", "mtls", "log")
    assert found.chained


def test_two_ways_to_the_same_arm_are_held_against_it() -> None:
    (found,) = ladder_orders(read_experiment(EXAMPLES / "mtls-cost.yaml")).values()
    assert found.summed == ("tcp", "tcp-mtls", "http")
    assert found.whole == "http-mtls" and not found.chained


@pytest.mark.parametrize(
    "candidates",
    [
        (HTTP, MTLS),
        (HTTP, MTLS, Arm(name="other", mesh="istio", mtls="strict")),
        (Arm(name="library", mesh="none", client_library=ClientLibrary(mtls=True)), HTTP, MTLS),
        (HTTP, Arm(name="far", mesh="envoy", mtls="strict", access_log=True, proxy_concurrency=2), LOG),
        (HTTP, Arm(name="same", mesh="envoy"), MTLS),
        (HTTP, MTLS, LOG, Arm(name="last", mesh="envoy")),
    ],
)
def test_other_experiments_are_no_price_list(candidates: tuple[Arm, ...]) -> None:
    assert order_of_arms((BASELINE, *candidates)) is None


def test_one_proxy_alone_begins_at_the_baseline_and_two_begin_at_one() -> None:
    found = order(CLIENT, SERVER, TCP, HTTP, MTLS)
    assert begins(found) == {
        "client": "baseline", "server": "baseline", "tcp": "server", "http": "tcp", "mtls": "http",
    }  # fmt: skip
    steps = {step.after: dict(step.changes) for step in found.steps}
    assert steps["server"] == {"mesh": "envoy", "mode": "tcp", "proxies": "server"}
    assert steps["tcp"] == {"proxies": "both"}
    assert found.summed == ("server", "tcp", "http", "mtls") and found.chained


def test_two_proxies_begin_at_the_one_that_is_deployed_again_beside_them() -> None:
    again = Arm(name="client-2", mesh="envoy", mode="tcp", proxies="client")
    found = order(CLIENT, SERVER, again, TCP, HTTP, MTLS)
    assert begins(found)["tcp"] == "client-2" and found.same == {"client-2": "client"}
    assert found.summed == ("client", "tcp", "http", "mtls") and found.chained


def test_no_step_takes_a_proxy_away_or_moves_it() -> None:
    found = order(TCP, CLIENT, SERVER, HTTP)
    assert begins(found) == {"tcp": "baseline", "client": "baseline", "server": "baseline", "http": "tcp"}
    assert found.summed == ("tcp", "http") and found.chained


def test_what_one_proxy_alone_does_is_priced_and_not_summed_again() -> None:
    parsing = Arm(name="client-http", mesh="envoy", proxies="client")
    found = order(CLIENT, parsing, TCP, HTTP, MTLS)
    assert begins(found)["client-http"] == "client"
    assert begins(found)["http"] == "tcp"
    assert found.summed == ("client", "tcp", "http", "mtls") and found.unpriced == ()


def test_a_whole_with_one_proxy_is_made_up_of_what_one_proxy_does() -> None:
    parsing = Arm(name="client-http", mesh="envoy", proxies="client")
    logging = Arm(name="client-log", mesh="envoy", proxies="client", access_log=True)
    found = order(CLIENT, SERVER, parsing, logging)
    assert begins(found) == {
        "client": "baseline", "server": "baseline", "client-http": "client", "client-log": "client-http",
    }  # fmt: skip
    assert found.summed == ("client", "client-http", "client-log") and found.chained


def test_the_example_prices_every_step_beside_the_arm_without_it() -> None:
    experiment = read_experiment(EXAMPLES / "price-list.yaml")
    (found,) = ladder_orders(experiment).values()
    assert len(found.steps) == 17 and found.whole == "everything"
    assert found.unpriced == () and not found.chained
    assert found.summed == (
        "client", "tcp", "http", "mtls", "rules-10", "routes-100", "routes-100-last", "retries", "metrics",
        "access-log", "tracing",
    )  # fmt: skip
    assert set(found.same.values()) == {"client", "tcp", "http", "mtls", "routes-100", "routes-1000"}
    candidates = [name for name in experiment.arms if name != "baseline"]
    beside = dict(zip(candidates[1::2], candidates[::2], strict=False))
    alone = {"client": "baseline", "server": "baseline", "client-http": "client-2"}
    assert begins(found) == {after: before for after, before in {**beside, **alone}.items() if after != "everything"}


def test_an_arm_that_is_deployed_again_is_no_step_and_leads_to_the_first_one() -> None:
    again = Arm(name="http-2", mesh="envoy")
    found = order(TCP, HTTP, again, MTLS, Arm(name="mtls-2", mesh="envoy", mtls="strict"), LOG)
    assert begins(found) == {"tcp": "baseline", "http": "tcp", "mtls": "http-2", "log": "mtls-2"}
    assert found.same == {"http-2": "http", "mtls-2": "mtls"}
    assert found.summed == ("tcp", "http", "mtls", "log") and found.chained


def test_examples_that_compare_meshes_are_no_price_list() -> None:
    assert ladder_orders(read_experiment(EXAMPLES / "quickstart.yaml")) == {}
    assert ladder_orders(read_experiment(EXAMPLES / "smp-test.yaml")) == {}


def test_an_arm_of_another_experiment_is_made_up_of_the_steps_that_bring_its_settings() -> None:
    arms = (BASELINE, TCP, HTTP, MTLS, rules("ten", 10), LOG)
    found = order(*arms[1:])

    def made(wanted: Arm) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return steps_making(found, arms, wanted)

    assert made(Arm(name="envoy", mesh="envoy", mtls="strict")) == (("tcp", "http", "mtls"), ())
    assert made(Arm(name="plain", mesh="envoy")) == (("tcp", "http"), ())
    assert made(Arm(name="bytes", mesh="envoy", mode="tcp")) == (("tcp",), ())
    assert made(rules("mine", 10)) == (("tcp", "http", "mtls", "ten"), ())
    assert made(rules("mine", 3)) == (("tcp", "http", "mtls"), ("functions.authorization_rules: 3",))
    _, unpriced = made(Arm(name="other", mesh="istio", mtls="strict"))
    assert "mesh: istio" in unpriced


def test_the_example_of_a_foretold_chain_is_made_of_steps_of_the_example_of_prices() -> None:
    prices, chain = (read_experiment(EXAMPLES / name) for name in ("price-list.yaml", "prediction-chain.yaml"))
    (found,) = ladder_orders(prices).values()
    steps, unpriced = steps_making(found, tuple(prices.arms.values()), chain.arms["envoy"])
    assert steps[-3:] == ("tcp", "http", "mtls") and unpriced == ()
    begins = {step.name: found.same.get(step.before, step.before) for step in found.steps}
    assert [begins[name] for name in steps] == ["baseline", *steps[:-1]]
    first, measured = prices.load[0], chain.load[0]
    assert first == measured and prices.slice_s == chain.slice_s and prices.design == chain.design
    assert chain.workload.services is not None
    sizes = {service.response_bytes for service in chain.workload.services.services}
    assert sizes == {prices.workload.response_bytes}


def test_what_an_arm_sets_beyond_its_steps_is_told() -> None:
    steps = {"mesh": "envoy", "mtls": "strict"}
    assert unlike_settings(BASELINE, MTLS, steps) == ()
    assert unlike_settings(BASELINE, LOG, steps) == ("access_log: true",)
    assert unlike_settings(BASELINE, HTTP, steps) == ("mtls: off",)
