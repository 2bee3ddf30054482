"""Functions of an arm as filters and routes."""

from __future__ import annotations

from typing import Any

import pytest

from meshperf.meshes.envoy.http_filters import decoy, inbound_manager, outbound_manager, token_bucket
from meshperf.spec.experiment import Arm, Functions


def arm(mtls: str = "strict", **functions: Any) -> Arm:
    return Arm(name="a", mesh="envoy", mtls=mtls, functions=Functions(**functions))


def routes(manager: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manager["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]
    return found


def filters(manager: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"].rpartition(".")[2]: one["typed_config"] for one in manager["typed_config"]["http_filters"]}


@pytest.mark.parametrize(("match", "place"), [("first", 0), ("last", 99)])
def test_the_route_of_the_load_stands_where_the_arm_says(match: str, place: int) -> None:
    found = routes(outbound_manager(arm(routes=100, route_match=match), "app", ()))
    assert len(found) == 100
    assert [index for index, route in enumerate(found) if "route" in route] == [place]


def test_the_rule_that_admits_is_the_last_and_names_the_callers() -> None:
    rules = filters(inbound_manager(arm(authorization_rules=12), ("spiffe://x/a", "spiffe://x/b"), ()))["rbac"]["rules"]
    names = sorted(rules["policies"])
    assert len(names) == 12
    last = rules["policies"][names[-1]]
    assert [one["authenticated"]["principal_name"]["exact"] for one in last["principals"]] == [
        "spiffe://x/a",
        "spiffe://x/b",
    ]
    others = [rules["policies"][name]["permissions"][0]["url_path"]["path"]["prefix"] for name in names[:-1]]
    assert others == [decoy(number) for number in range(1, 12)]


def test_without_mtls_the_last_rule_admits_anybody() -> None:
    rules = filters(inbound_manager(arm(mtls="off", authorization_rules=1), ("spiffe://x/a",), ()))["rbac"]["rules"]
    assert rules["policies"]["rule-000001"]["principals"] == [{"any": True}]


def test_a_split_goes_to_as_many_clusters_with_its_weights() -> None:
    (route,) = routes(outbound_manager(arm(split=(90, 9, 1)), "app", ()))
    clusters = route["route"]["weighted_clusters"]["clusters"]
    assert [(one["name"], one["weight"]) for one in clusters] == [
        ("outbound_app_0", 90),
        ("outbound_app_1", 9),
        ("outbound_app_2", 1),
    ]


def test_what_is_off_leaves_no_filter_and_one_route() -> None:
    assert filters(inbound_manager(arm(), ("spiffe://x/a",), ())).keys() == {"router"}
    (route,) = routes(outbound_manager(arm(), "app", ()))
    assert route["route"] == {"cluster": "outbound_app", "timeout": "15.000000s"}
    assert "tracing" not in outbound_manager(arm(), "app", ())["typed_config"]


def test_retries_and_timeout_belong_to_the_callers_route() -> None:
    (route,) = routes(outbound_manager(arm(retries=3, timeout_s=0.25), "app", ()))
    assert route["route"]["timeout"] == "0.250000s"
    assert route["route"]["retry_policy"]["num_retries"] == 3


def test_questions_beside_the_load_are_not_limited() -> None:
    manager = inbound_manager(arm(rate_limit=10, retries=1), ("spiffe://x/a",), ())
    free = [route["match"] for route in routes(manager) if "typed_per_filter_config" in route]
    assert free == [{"path": "/meshperf/fails"}, {"path": "/whoami"}, {"prefix": "/meshperf/"}]
    assert "typed_per_filter_config" not in routes(manager)[-1]


@pytest.mark.parametrize("rate", [0.5, 1, 4.9, 10, 14.9, 15, 100, 12345.0])
def test_a_bucket_is_refilled_at_the_rate_and_not_more_often_than_envoy_allows(rate: float) -> None:
    bucket = token_bucket(rate)
    interval_s = float(bucket["fill_interval"].removesuffix("s"))
    assert bucket["tokens_per_fill"] / interval_s == pytest.approx(rate, rel=1e-4)
    assert interval_s >= 0.05
    assert bucket["max_tokens"] >= bucket["tokens_per_fill"] >= 1
