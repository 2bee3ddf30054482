"""A drawn SVG without what a page does not need, so that a report of many arms can still be mailed.

The renderer writes every attribute out, also those that have no effect here: roles of inner parts (the picture has one
name, and a table beside it), empty grounds, events that nobody listens to, the font of every label, figures to the last
digit. What is drawn is the same to a fiftieth of a pixel. Texts are never touched: only tags are read.
"""

from __future__ import annotations

import re

__all__ = ["FONT", "compact"]

FONT = "Liberation Sans, DejaVu Sans, Arial, sans-serif"

_TAG = re.compile(r'<([a-zA-Z]+)((?:\s+[\w:-]+="[^"]*")*)\s*(/?)>')
_ATTRIBUTE = re.compile(r'\s+([\w:-]+)="([^"]*)"')
_UNSEEN = re.compile(r'<text(?: [^>]*)? opacity="0"[^>]*>[^<]*</text>')
"""Labels of an axis that would have lain on another."""
_HOLLOW = re.compile(r"<g(?: [^>]*)?></g>")
_FIGURE = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_IDLE = {
    ("opacity", "1"),
    ("pointer-events", "none"),
    ("transform", "translate(0,0)"),
    ("font-family", FONT),
    ("font-weight", "normal"),
    ("stroke-width", "1"),
    ("text-anchor", "start"),
}
"""What is so by default, or stands at the root."""
_UNHEARD = ("aria-hidden", "aria-roledescription", "role", "class")
_MEASURED = ("d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "cx", "cy", "r", "stroke-width")


def compact(body: str) -> str:
    """What stands inside an `<svg>` element, shorter; its root carries `font-family` and is a picture of its own."""
    shorter = _TAG.sub(_tag, _UNSEEN.sub("", body))
    while (fewer := _HOLLOW.sub("", shorter)) != shorter:
        shorter = fewer
    return shorter


def _tag(match: re.Match[str]) -> str:
    name, text, closed = match.groups()
    attributes = dict(_ATTRIBUTE.findall(text))
    if closed and name == "path" and _empty(attributes):
        return ""
    kept = "".join(
        f' {key}="{_rounded(value) if key in _MEASURED else value}"'
        for key, value in attributes.items()
        if key not in _UNHEARD and (key, value) not in _IDLE
    )
    return f"<{name}{kept}{closed}>"


def _empty(attributes: dict[str, str]) -> bool:
    """A ground or front of a group that shows nothing: the root fills nothing and strokes nothing."""
    return attributes.get("display") == "none" or not attributes.keys() & {"fill", "stroke"}


def _rounded(value: str) -> str:
    return _FIGURE.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
