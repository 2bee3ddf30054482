"""What computing costs, as frozen records: money for cores and memory by the hour, and what is reserved for a proxy.

Prices are the user's own: meshperf ships none but an example, and converts no currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NodePrice", "PriceList", "Reservation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePrice:
    """Money for one hour on one type of node. What is reserved may be priced otherwise than what is used."""

    name: str
    vcpu_hour: float
    """For one core."""
    gib_hour: float
    """For 2^30 bytes of memory."""
    reserved_vcpu_hour: float
    reserved_gib_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a scheduler sets aside for one proxy, used or not."""

    cpu: float
    """Cores."""
    memory: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """A price file as it was read."""

    name: str
    currency: str
    nodes: Mapping[str, NodePrice]
    default: str
    """A key of `nodes`."""
    hours_per_month: float = 730.0
    reservation: Reservation | None = None
    """For a proxy of an arm that `arms` does not name; None: not known."""
    arms: Mapping[str, Reservation] = field(default_factory=dict)
    digest: str = ""

    def reserved(self, arm: str) -> Reservation | None:
        """What is set aside for one proxy of this arm; None: the file does not say."""
        return self.arms.get(arm, self.reservation)
