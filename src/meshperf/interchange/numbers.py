"""A number as tools write it: Python's own notation allows more than any of them means."""

from __future__ import annotations

__all__ = ["plain_number"]


def plain_number(text: str) -> float:
    """The number a text stands for; NaN and infinity are let through to whoever bounds it. Raises ValueError."""
    if "_" in text:  # to Python 1_0 is ten; in a file it is damage
        raise ValueError("not a number")
    return float(text)
