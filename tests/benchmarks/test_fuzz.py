"""The fuzzing of readers: every reader is tried, on samples it can read, and what breaks a promise is found."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import main
from benchmarks.fuzz_cases import PLAN_BYTES, case
from benchmarks.fuzz_documents import Broken, Target, targets, tried
from benchmarks.fuzz_worker import Tally
from meshperf.errors import DocumentError, Location
from meshperf.interchange.registry import forms

NAMES = tuple(targets())


def test_every_form_has_a_target_with_a_sample_that_it_reads() -> None:
    assert {f"import-{form.name}" for form in forms()} < set(NAMES)
    for name, target in targets().items():
        outcomes = {tried(target, data) for data in target.samples}
        assert "read" in outcomes or name == "import-vegeta-binary"


@given(plan=st.binary(min_size=PLAN_BYTES, max_size=PLAN_BYTES), name=st.sampled_from(NAMES))
@settings(max_examples=600, deadline=None)
def test_a_changed_sample_is_read_or_refused(plan: bytes, name: str) -> None:
    target = targets()[name]
    data = case(plan, target.samples)
    assert data == case(plan, target.samples)
    tried(target, data)


def test_what_a_reader_lets_through_is_kept_shortest_first_and_does_not_stop_the_others() -> None:
    def read(data: bytes) -> None:
        if data.startswith(b"bad"):
            int(data)
        if data.startswith(b"false"):
            raise Broken("it is not so")
        raise DocumentError("MP2402", "refused", location=Location())

    tally = Tally(target=Target(name="it", samples=(b"good",), read=read))
    for data in (b"good", b"bad one", b"bad", b"false", b"good"):
        tally.take(data)
    assert (tally.cases, tally.outcomes["MP2402"], tally.outcomes["failed"]) == (5, 2, 3)
    kept = {kind.split()[0]: base64.b64decode(one["case"]) for kind, one in tally.found.items()}
    assert kept == {"ValueError": b"bad", "Broken": b"false"}


def test_the_benchmark_counts_its_cases(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = main(["--engine", "hypothesis", "--target", "trace", "--cases", "20"])
    (finding,) = outcome.findings
    assert (finding.met, finding.value) == (True, 21.0)
    assert "hypothesis: trace" in capsys.readouterr().out
    json.dumps(outcome.document(), allow_nan=False)
