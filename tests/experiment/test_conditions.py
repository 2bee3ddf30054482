"""Facts of a round, and the refusal to go on when they changed."""

from __future__ import annotations

import pytest

from meshperf.errors import ComparisonError
from meshperf.experiment.conditions import load_facts, refuse_changed_facts
from meshperf.load.plan import Target
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.records import Fact


def test_a_changed_kernel_refuses_to_go_on_and_names_both_values() -> None:
    with pytest.raises(ComparisonError, match=r"host\.kernel: '6\.1' then, '6\.2' now") as refused:
        refuse_changed_facts({"host.kernel": Fact(value="6.1")}, {"host.kernel": Fact(value="6.2")})
    assert refused.value.code == "MP4004"
    assert refused.value.exit_code == 4


def test_what_changes_every_minute_and_what_is_unknown_does_not_refuse() -> None:
    then = {
        "host.mhz_now": Fact(value=2000.0),
        "host.governor": Fact(unavailable="no such file"),
        "host.kernel": Fact(value="6.1"),
        "host.gone": Fact(value=1),
    }
    now = {
        "host.mhz_now": Fact(value=2600.0),
        "host.governor": Fact(value="performance"),
        "host.kernel": Fact(value="6.1"),
    }
    refuse_changed_facts(then, now)


def test_a_closed_loop_says_that_its_times_start_at_the_send() -> None:
    closed = load_facts(LoadPoint(arrivals="closed", rate=None), wait="hybrid", workers=1)
    open_loop = load_facts(LoadPoint(arrivals="constant", rate=5.0), wait="hybrid", workers=1)
    assert closed["load.latency_origin"].value == "actual send"
    assert open_loop["load.latency_origin"].value == "intended send"
    assert open_loop["load.rate"].value == 5.0


def test_the_path_is_the_targets_and_its_query_is_withheld() -> None:
    target = Target(name="a", address="127.0.0.1:1", host="a", path="/shop.Cart/Add?key=s3ntinel", method="POST")
    facts = load_facts(LoadPoint(rate=5.0), wait="hybrid", workers=1, targets=(target,))
    assert (facts["load.path"].value, facts["load.method"].value) == ("/shop.Cart/Add?withheld", "POST")


def test_another_trace_is_another_load() -> None:
    then, same, other = (
        load_facts(LoadPoint(arrivals="trace", trace_s=times), wait="hybrid", workers=1)
        for times in ((0.0, 0.5), (0.0, 0.5), (0.0, 0.6))
    )
    refuse_changed_facts(then, same)
    with pytest.raises(ComparisonError, match=r"load\.trace_sha256"):
        refuse_changed_facts(then, other)
