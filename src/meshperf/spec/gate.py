"""What a gate asks of results, as a frozen record: objectives, and how much worse an arm may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshperf.spec.experiment import Objective

__all__ = ["Gate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate file as it was read. It asks for at least one thing."""

    name: str
    objectives: tuple[Objective, ...] = ()
    margins: Mapping[str, float] = field(default_factory=dict)
    """By metric: how much more an arm may need than what it is held against, as a share (0.05 for 5 %)."""
    absolute_floors: Mapping[str, float] = field(default_factory=dict)
    """By metric, the added amount that counts as none whatever its share; over those of the first result."""
    arms: tuple[str, ...] = ()
    """Arms that are asked; none: every candidate."""
    subject: tuple[str, ...] = ()
    undecided_fails: bool = False
    """Whether a margin that the rounds do not decide breaks the gate."""
    digest: str = ""
