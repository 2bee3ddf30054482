"""A comparison as a document and back."""

import json

import pytest
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation

from meshperf.analysis import compare, comparison_from_document, comparison_to_document
from meshperf.errors import DocumentError


def _comparison(**settings):
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.3)}
    runs = Simulation(**{"arms": arms, "twins": ("baseline",), "slices": 10, "requests": 500, **settings}).run(1)
    (found,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
    return found


@pytest.mark.parametrize("rounds", [1, 6])
def test_a_comparison_survives_json_without_loss(rounds):
    found = _comparison(rounds=rounds)
    text = json.dumps(comparison_to_document(found), allow_nan=False)
    again = comparison_from_document(json.loads(text))
    assert repr(again) == repr(found)
    assert comparison_to_document(again) == comparison_to_document(found)


def test_an_unknown_bound_is_null():
    document = comparison_to_document(_comparison(rounds=1))
    assert document["metrics"][0]["ratio"]["low"] is None


def _broken(change):
    document = comparison_to_document(_comparison(rounds=1))
    change(document)
    with pytest.raises(DocumentError) as caught:
        comparison_from_document(document)
    return caught.value


def test_another_kind_of_document_is_refused():
    assert _broken(lambda d: d.update(kind="something")).code == "MP2201"
    assert _broken(lambda d: d.update(version=99)).code == "MP2201"


def test_an_unknown_key_is_refused_with_its_place():
    error = _broken(lambda d: d["metrics"][1].update(colour="red"))
    assert (error.code, error.location.pointer) == ("MP2101", "/metrics/1/colour")


def test_a_missing_key_is_refused():
    assert _broken(lambda d: d["metrics"][0].pop("metric")).code == "MP2102"


@pytest.mark.parametrize(
    ("key", "value"),
    [("verdict", "splendid"), ("metric", 5), ("ratio", 1.5), ("rounds", "many"), ("ratio", {"value": "much"})],
)
def test_a_value_of_the_wrong_form_is_refused(key, value):
    error = _broken(lambda d: d["metrics"][0].update({key: value}))
    assert error.code == "MP2104"
    assert error.location.pointer.startswith(f"/metrics/0/{key}")


def test_a_mapping_that_is_not_one_is_refused():
    assert _broken(lambda d: d["arms"][0].update(figures=[1])).code == "MP2104"
