"""Gate files: what they hold, and where they are wrong."""

from pathlib import Path

import pytest

from meshperf.errors import DocumentError
from meshperf.spec.gate_reading import read_gate


def _gate(tmp_path: Path, body: str):
    path = tmp_path / "gate.yaml"
    path.write_text(body, encoding="utf-8")
    return read_gate(path)


def test_a_gate_holds_objectives_and_margins(tmp_path):
    gate = _gate(
        tmp_path,
        "gate: g\nobjectives: [p90 <= 50ms, errors <= 0.1%]\nmargins: {p50: 5%, memory: 400%}\nundecided: fails\n",
    )
    assert [one.threshold for one in gate.objectives] == [0.05, 0.001]
    assert gate.margins == {"p50": 0.05, "memory": 4.0} and gate.undecided_fails and gate.arms == ()


def test_absolute_floors_stand_beside_margins(tmp_path):
    gate = _gate(tmp_path, "gate: g\nmargins: {p50: 5%, memory: 5%}\nabsolute_floors: {p50: 20us, memory: 1MiB}\n")
    assert gate.absolute_floors == pytest.approx({"p50": 20e-6, "memory": 2.0**20})


@pytest.mark.parametrize(
    ("body", "code", "line", "column"),
    [
        ("gate: g\n", "MP2102", 1, 1),
        ("gate: g\nobjectives: [p90 < fast]\n", "MP2108", 2, 14),
        ("gate: g\nmargins: {p50: 5}\n", "MP2108", 2, 16),
        ("gate: g\nmargins: {p51: 5%}\n", "MP2108", 2, 11),
        ("gate: g\nmargins: {p50: 0%}\n", "MP2108", 2, 16),
        ("gate: g\nmargin: {p50: 5%}\n", "MP2101", 2, 1),
        ("gate: g\nmargins: {p50: 5%}\nundecided: maybe\n", "MP2103", 3, 12),
        ("gate: g\nmargins: {p50: 5%}\nabsolute_floors: {p50: 20}\n", "MP2108", 3, 24),
        ("gate: g\nmargins: {p50: 5%}\nabsolute_floors: {p90: 20us}\n", "MP2107", 3, 24),
        ("gate: [g]\nmargins: {p50: 5%}\n", "MP2104", 1, 7),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, body, code, line, column):
    with pytest.raises(DocumentError) as caught:
        _gate(tmp_path, body)
    place = caught.value.location
    assert (caught.value.code, place.line, place.column) == (code, line, column)
