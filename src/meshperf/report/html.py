"""The report as one HTML file that needs nothing else: no script, no request, no font from afar.

What it decides: how sections look; what they say is decided elsewhere.

Why this way: the file is opened from mail, from an artefact store, years later. Everything is inside it, and its
content security policy forbids all that it does not need: a hostile arm name could do nothing even if escaping failed.
The data is inside as well, compressed, behind links that save it: a browser neither parses nor runs it, it takes a
small part of its size, and who has the page alone has everything. A long table that was shown at one load point
already is a link at the next.

What it refuses: raw markup from anywhere but the template and our own drawings.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from meshperf.report.charts.drawing import Drawing
from meshperf.report.tables import Section, Table

__all__ = ["Carried", "Part", "html"]

_REPEATED_FROM = 4
"""A table of fewer rows is shown again rather than linked to."""


class Part(NamedTuple):
    """A group of sections: its heading when it has one, the prefix of its anchors, and its charts by name."""

    heading: str | None
    prefix: str
    sections: Sequence[Section]
    drawings: Mapping[str, Drawing]


class Carried(NamedTuple):
    """A file inside the page: its name, its size as it was, and a link that saves it compressed."""

    name: str
    size: int
    href: str


def html(
    title: str, parts: Sequence[Part], *, note: str, data: str, table: str = "", about: str = "what it costs"
) -> str:
    """Write the page.

    Args:
        title: name of the experiment or run; `about` follows it in the window's title.
        note: said at the top; may be empty.
        data: the text of data.json, to carry inside; table: that of data.csv, where there is one.
    """
    files = {"data.json": data, **({"data.csv": table} if table else {})}
    return _template().render(
        title=title,
        about=about,
        parts=parts,
        note=note,
        again=_repeated(parts),
        carried=[_carried(name, text) for name, text in files.items()],
        svg=_own_markup,
    )


def _carried(name: str, text: str) -> Carried:
    """The same bytes for the same text: a gzip member without a time."""
    content = text.encode("utf-8", "replace")
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")
    return Carried(name=name, size=len(content), href=f"data:application/gzip;base64,{packed}")


def _repeated(parts: Sequence[Part]) -> dict[tuple[str, str, int], tuple[str, str]]:
    """Where else a table of an earlier part stands: its section's anchor and its part's heading, by place."""
    first: dict[Table, tuple[str, str]] = {}
    again = {}
    for part in parts:
        for section in part.sections:
            for number, exhibit in enumerate(section.exhibits):
                if exhibit.chart in part.drawings or len(exhibit.table.rows) < _REPEATED_FROM:
                    continue
                place = (f"{part.prefix}{section.key}", part.heading or "")
                known = first.setdefault(exhibit.table, place)
                if known != place:
                    again[part.prefix, section.key, number] = known
    return again


def _own_markup(drawing: Drawing) -> Markup:
    """A drawing as it is: the renderer that made it has escaped every text in it."""
    return Markup(drawing.svg)  # noqa: S704


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("meshperf.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    return environment.get_template("report.html.j2")
