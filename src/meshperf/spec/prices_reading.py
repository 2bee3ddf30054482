"""Read a price file from YAML or JSON; every problem is told with its line and column, all at once."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from meshperf.errors import DocumentError
from meshperf.spec.document import raise_all
from meshperf.spec.experiment_load_model import Model
from meshperf.spec.prices import NodePrice, PriceList, Reservation
from meshperf.spec.problems import problems_of
from meshperf.spec.quantities import Reads, Text, nearest, refuse, show
from meshperf.spec.reader import read_document
from meshperf.units import parse_size

__all__ = ["PricesModel", "read_prices"]

_MOST = 1e6
_MOST_MEMORY = 2**40
_HOURS_PER_MONTH = 730.0


def _between(low: float, high: float, what: str) -> Reads:
    """A finite number within inclusive bounds."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse("MP2104", f"{what} must be a number, found {show(value)}")
        if not math.isfinite(value) or not low <= value <= high:
            raise refuse("MP2103", f"{what} must be from {low:g} to {high:g}, found {show(value)}")
        return float(value)

    return Reads(read, {"type": "number", "minimum": low, "maximum": high})


def _currency(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        raise refuse("MP2104", f"a currency must be its code of three capitals, found {show(value)}", "such as EUR")
    return value


def _cores(value: Any) -> float:
    """Cores as a number, or as text in thousandths as Kubernetes writes them: `100m`."""
    hint = "write 0.1 or 100m for a tenth of a core"
    if isinstance(value, str):
        thousandths = re.fullmatch(r"(\d{1,7})m", value.strip())
        if thousandths is None:
            raise refuse("MP2104", f"cores must be a number or text such as 100m, found {show(value)}", hint)
        value = int(thousandths[1]) / 1000
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse("MP2104", f"cores must be a number or text such as 100m, found {show(value)}", hint)
    if not math.isfinite(value) or not 0 <= value <= 1024:
        raise refuse("MP2103", f"cores must be from 0 to 1024, found {show(value)}")
    return float(value)


def _memory(value: Any) -> int:
    hint = "write 128MiB"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refuse("MP2104", f"memory must be whole bytes or text such as 128MiB, found {show(value)}", hint)
    try:
        size = value if isinstance(value, int) else int(parse_size(value))
    except (ValueError, OverflowError) as error:
        raise refuse("MP2104", str(error), hint) from None
    if not 0 <= size <= _MOST_MEMORY:
        raise refuse("MP2103", f"memory must be from 0 to 1024 GiB, found {show(value)}")
    return size


Price = Annotated[float, _between(0.0, _MOST, "a price")]
Hours = Annotated[float, _between(1.0, 744.0, "hours in a month")]
Cores = Annotated[float, Reads(_cores, {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]})]
Memory = Annotated[int, Reads(_memory, {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]})]
Currency = Annotated[str, Reads(_currency, {"type": "string", "pattern": "^[A-Z]{3}$"})]


class NodePriceModel(Model):
    """Prices of one type of node."""

    vcpu_hour: Price = Field(description="One core for an hour.")
    gib_hour: Price = Field(description="One GiB of memory for an hour.")
    reserved_vcpu_hour: Price | None = Field(None, description="One reserved core; default: as `vcpu_hour`.")
    reserved_gib_hour: Price | None = Field(None, description="One reserved GiB; default: as `gib_hour`.")


class ReservationModel(Model):
    """What a scheduler sets aside for one proxy."""

    cpu: Cores = Field(description="Cores: 0.1 or 100m.")
    memory: Memory = Field(description="Memory: 128MiB.")


class PricesModel(Model):
    """What computing costs."""

    prices: Text = Field(description="Name of the list.")
    currency: Currency = Field(description="Code of three capitals.")
    node_types: dict[str, NodePriceModel] = Field(min_length=1, max_length=100, description="Prices by node type.")
    default: Text | None = Field(None, description="Node type that is meant where none is named; else the first.")
    hours_per_month: Hours = Field(_HOURS_PER_MONTH, description="Hours a month has.")
    reservation: ReservationModel | None = Field(None, description="Set aside for one proxy.")
    arms: dict[str, ReservationModel] = Field({}, max_length=100, description="The same for proxies of single arms.")


def read_prices(path: Path) -> PriceList:
    """Read a price file.

    Raises:
        DocumentError: every problem of the file at once, with line and column.
    """
    document = read_document(path)
    try:
        model = PricesModel.model_validate(document.data)
    except ValidationError as error:
        raise_all(problems_of(error, document, PricesModel))
        raise
    problems: list[DocumentError] = []
    default = model.default if model.default is not None else next(iter(model.node_types))
    if default not in model.node_types:
        close = nearest(default, list(model.node_types))
        hint = f"did you mean `{close}`?" if close else f"one of: {', '.join(model.node_types)}"
        problems.append(document.error("MP2107", f"there is no node type {show(default)}", "/default", hint=hint))
    raise_all(problems)
    return PriceList(
        name=model.prices,
        currency=model.currency,
        nodes={name: _node(name, node) for name, node in model.node_types.items()},
        default=default,
        hours_per_month=model.hours_per_month,
        reservation=_reservation(model.reservation),
        arms={name: Reservation(cpu=arm.cpu, memory=arm.memory) for name, arm in model.arms.items()},
        digest=document.digest,
    )


def _node(name: str, model: NodePriceModel) -> NodePrice:
    return NodePrice(
        name=name,
        vcpu_hour=model.vcpu_hour,
        gib_hour=model.gib_hour,
        reserved_vcpu_hour=model.vcpu_hour if model.reserved_vcpu_hour is None else model.reserved_vcpu_hour,
        reserved_gib_hour=model.gib_hour if model.reserved_gib_hour is None else model.reserved_gib_hour,
    )


def _reservation(model: ReservationModel | None) -> Reservation | None:
    return None if model is None else Reservation(cpu=model.cpu, memory=model.memory)
