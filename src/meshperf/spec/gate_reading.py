"""Read a gate file from YAML or JSON; every problem is told with its line and column, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from meshperf.spec.document import Document, raise_all
from meshperf.spec.experiment_load_model import Model
from meshperf.spec.experiment_model import CLOSED, AbsoluteFloorsModel, MarginMetric, ObjectiveText
from meshperf.spec.gate import Gate
from meshperf.spec.objectives import parse_objective
from meshperf.spec.problems import problems_of
from meshperf.spec.quantities import Reads, Text, refuse, share, show
from meshperf.spec.reader import read_document

__all__ = ["GateModel", "gate_from_document", "is_gate", "read_gate"]

_MOST = 100
_UNDECIDED = ("passes", "fails")


def _allowance(value: Any) -> float:
    """A mesh may be allowed to cost several times as much, but 5 for 5 % must not be taken for five times."""
    if not isinstance(value, str) and isinstance(value, int | float) and not isinstance(value, bool) and value > 1:
        raise refuse(
            "MP2108", f"a margin above 1 must be written as a percentage, found {show(value)}", "write 5% or 500%"
        )
    return share(value, "MP2108", "a margin", low_open=0.0, high=100.0)


def _undecided(value: Any) -> str:
    if value not in _UNDECIDED:
        raise refuse("MP2103", f"`undecided` must be {' or '.join(_UNDECIDED)}, found {show(value)}")
    return str(value)


Allowance = Annotated[float, Reads(_allowance, {"anyOf": [{"type": "number"}, {"type": "string", "pattern": "%$"}]})]
Undecided = Annotated[str, Reads(_undecided, {"enum": list(_UNDECIDED)})]


class GateModel(Model):
    """What is asked of results before a change may pass."""

    gate: Text = Field(description="Name of the gate.")
    objectives: list[ObjectiveText] = Field([], max_length=_MOST, description="Bounds such as `p90 <= 50ms`.")
    margins: dict[MarginMetric, Allowance] = Field(
        {}, json_schema_extra=CLOSED, description="How much more an arm may need, by metric."
    )
    absolute_floors: AbsoluteFloorsModel = Field(
        default_factory=lambda: AbsoluteFloorsModel.model_validate({}),
        description="Added amounts that break no margin, whatever their share.",
    )
    arms: list[Text] = Field([], max_length=_MOST, description="Arms that are asked; none: every candidate.")
    subject: list[Text] = Field([], max_length=_MOST, description="What may differ between two results.")
    undecided: Undecided = Field("passes", description="What becomes of a margin that is not decided.")


def is_gate(data: Any) -> bool:
    """Whether a document is a gate file, or means to be one."""
    return isinstance(data, dict) and "gate" in data and "experiment" not in data


def read_gate(path: Path) -> Gate:
    """Read a gate file.

    Raises:
        DocumentError: as `gate_from_document`, and what keeps a file from being read.
    """
    return gate_from_document(read_document(path))


def gate_from_document(document: Document) -> Gate:
    """A document's gate.

    Raises:
        DocumentError: every problem of the file at once, with line and column; MP2102 where it asks for nothing,
            MP2107 for a floor of a metric without a margin.
    """
    try:
        model = GateModel.model_validate(document.data)
    except ValidationError as error:
        raise_all(problems_of(error, document, GateModel))
        raise
    if not model.objectives and not model.margins:
        raise document.error(
            "MP2102", "the gate asks for nothing", hint="give it `objectives: [p90 <= 50ms]` or `margins: {p50: 5%}`"
        )
    floors = model.absolute_floors.by_metric()
    raise_all(
        [
            document.error(
                "MP2107",
                f"the floor of `{metric}` asks for nothing: there is no margin of it",
                f"/absolute_floors/{metric}",
                hint=f"write `margins: {{{metric}: 5%}}` beside it, or leave it out",
            )
            for metric in floors
            if metric not in model.margins
        ]
    )
    return Gate(
        name=model.gate,
        objectives=tuple(map(parse_objective, model.objectives)),
        margins=dict(model.margins),
        absolute_floors=floors,
        arms=tuple(model.arms),
        subject=tuple(model.subject),
        undecided_fails=model.undecided == "fails",
        digest=document.digest,
    )
