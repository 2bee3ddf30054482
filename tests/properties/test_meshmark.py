"""Why MeshMark-R is what it is, each reason as a property of the score."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshperf.analysis.meshmark import (
    CLASSES,
    FLOOR,
    Weights,
    arithmetic,
    corners,
    counted,
    score,
)

SHARES = st.floats(-0.5, 0.5)
NAMES = [name for names in CLASSES.values() for name in names]
WEIGHTS = st.builds(
    Weights,
    classes=st.dictionaries(st.sampled_from(sorted(CLASSES)), SHARES),
    efficiencies=st.dictionaries(st.sampled_from(NAMES), SHARES),
)
VALUES = st.floats(0.05, 1.0)
CELL = st.fixed_dictionaries({name: st.tuples(*[VALUES] * len(names)) for name, names in CLASSES.items()}).map(
    lambda cell: {name: list(zip(CLASSES[name], values, strict=True)) for name, values in cell.items()}
)
CELLS = st.lists(CELL, min_size=1, max_size=3)


def changed(cells, change):
    return [{name: [(each, change(value)) for each, value in terms] for name, terms in cell.items()} for cell in cells]


@given(cells=CELLS, weights=WEIGHTS)
def test_a_mesh_that_is_as_its_baseline_scores_exactly_100(cells, weights) -> None:
    assert score(changed(cells, lambda _: 1.0), weights) == 100.0


@given(cells=CELLS, weights=WEIGHTS)
def test_a_score_is_above_0_and_at_most_100_for_all_weights(cells, weights) -> None:
    wild = [{name: [(n, counted(v * 50 - 20)) for n, v in terms] for name, terms in cell.items()} for cell in cells]
    assert 0 < 100 * FLOOR * (1 - 1e-9) <= score(wild, weights) <= 100.0


@given(cells=CELLS, weights=WEIGHTS)
def test_halving_every_efficiency_halves_the_score(cells, weights) -> None:
    assert score(changed(cells, lambda v: v / 2), weights) == pytest.approx(score(cells, weights) / 2)


@given(cells=CELLS, weights=WEIGHTS, factor=st.floats(0.1, 1.0), name=st.sampled_from(NAMES))
def test_a_single_cost_that_rises_never_raises_the_score(cells, weights, factor, name) -> None:
    dearer = [
        {c: [(n, v * factor if n == name else v) for n, v in terms] for c, terms in cell.items()} for cell in cells
    ]
    assert score(dearer, weights) <= score(cells, weights) * (1 + 1e-12)


@given(cells=CELLS, weights=WEIGHTS, order=st.randoms())
def test_order_does_not_matter(cells, weights, order) -> None:
    def shuffled(parts):
        return order.sample(list(parts), len(parts))

    mixed = [{name: shuffled(terms) for name, terms in shuffled(list(cell.items()))} for cell in shuffled(cells)]
    assert score(mixed, weights) == pytest.approx(score(cells, weights), rel=1e-12)


@given(cells=CELLS, weights=WEIGHTS, times=st.integers(2, 4), name=st.sampled_from(sorted(CLASSES)))
def test_telling_all_efficiencies_of_a_class_again_changes_nothing(cells, weights, times, name) -> None:
    repeated = [{c: terms * times if c == name else terms for c, terms in cell.items()} for cell in cells]
    assert score(repeated, weights) == pytest.approx(score(cells, weights), rel=1e-12)


@given(cell=CELL, other=CELL, machine=CELL, weights=WEIGHTS)
def test_the_ratio_of_two_meshes_is_the_same_on_every_baseline_machine(cell, other, machine, weights) -> None:
    """Without clipping, a second machine multiplies the efficiencies of both meshes alike."""

    def on(cells):
        return {name: [(n, v * m) for (n, v), (_, m) in zip(cells[name], machine[name], strict=True)] for name in cells}

    here = score([cell], weights) / score([other], weights)
    there = score([on(cell)], weights) / score([on(other)], weights)
    assert there == pytest.approx(here, rel=1e-9)


def test_the_arithmetic_form_ranks_two_meshes_differently_on_two_machines() -> None:
    """What the geometric form is for: here the order of the two turns round."""
    a = {"compute": [("cpu", 0.9)], "memory": [("resident", 0.1)]}
    b = {"compute": [("cpu", 0.3)], "memory": [("resident", 0.4)]}

    def on(cell, cpu, memory):
        own = cell["compute"][0][1], cell["memory"][0][1]
        return {"compute": [("cpu", own[0] * cpu)], "memory": [("resident", own[1] * memory)]}

    first = arithmetic([a], Weights()) - arithmetic([b], Weights())
    second = arithmetic([on(a, 0.1, 1.0)], Weights()) - arithmetic([on(b, 0.1, 1.0)], Weights())
    assert first > 0 > second


@settings(max_examples=20)
@given(cell=CELL, weights=WEIGHTS)
def test_no_admissible_weights_lead_out_of_the_range_of_the_corners(cell, weights) -> None:
    found = [score([cell], corner) for corner in corners([cell])]
    assert min(found) * (1 - 1e-9) <= score([cell], weights) <= max(found) * (1 + 1e-9)


def test_the_worked_example_has_the_score_that_was_reckoned_by_hand() -> None:
    cell = {
        "compute": [("cpu", 0.20 / 0.35)],
        "memory": [("resident", 120 / 220)],
        "network": [("wire", 1100 / 1180)],
        "latency": [("p50", 1.0 / 1.6), ("p99", 4 / 7), ("p99.9", 0.5)],
        "capacity": [("rate", 8000 / 12000)],
        "reliability": [("success", min(1.0, 0.9998 / 0.9999))],
    }
    assert score([cell], Weights()) == pytest.approx(69.1, abs=0.05)
    assert arithmetic([cell], Weights()) == pytest.approx(71.4, abs=0.05)
    assert score([cell], Weights(classes={"latency": 0.5})) == pytest.approx(68.0, abs=0.05)
    assert score([cell], Weights(classes={"latency": -0.5})) == pytest.approx(70.4, abs=0.05)


@given(value=st.floats(1e-9, 1e9))
def test_an_efficiency_counts_for_at_most_1_and_at_least_the_floor(value) -> None:
    assert counted(value) == min(1.0, max(FLOOR, value))


@pytest.mark.parametrize(
    ("classes", "single"),
    [({"latency": 0.51}, {}), ({"latency": math.nan}, {}), ({}, {"p99": -0.6}), ({"speed": 0.1}, {}), ({}, {"p42": 0})],
)
def test_weights_outside_their_range_or_of_unknown_names_are_refused(classes, single) -> None:
    with pytest.raises(ValueError, match=r"adjustment|there is no"):
        Weights(classes=classes, efficiencies=single)
