"""The report as one HTML file that needs nothing else: no script, no request, no font from afar.

What it decides: how sections look; what they say is decided elsewhere.

Why this way: the file is opened from mail, from an artefact store, years later. Everything is inside it, and its
content security policy forbids all that it does not need: a hostile arm name could do nothing even if escaping failed.
The data is inside as well, in a script element of type `application/json`, which browsers never execute.

What it refuses: raw markup from anywhere but the template and our own drawings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from meshperf.report.charts.drawing import Drawing
from meshperf.report.tables import Section

__all__ = ["Part", "html", "json_for_script"]


class Part(NamedTuple):
    """A group of sections: its heading when it has one, the prefix of its anchors, and its charts by name."""

    heading: str | None
    prefix: str
    sections: Sequence[Section]
    drawings: Mapping[str, Drawing]


def html(title: str, parts: Sequence[Part], *, note: str, data: str, about: str = "what it costs") -> str:
    """Write the page.

    Args:
        title: name of the experiment or run; `about` follows it in the window's title.
        note: said at the top; may be empty.
        data: the JSON to carry inside.
    """
    return _template().render(
        title=title,
        about=about,
        parts=parts,
        note=note,
        data=Markup(json_for_script(data)),  # noqa: S704 - holds no `<`, `>` or `&`
        svg=_own_markup,
    )


def json_for_script(data: str) -> str:
    """JSON that no parser of HTML can mistake for the end of its element or for markup; still the same JSON."""
    return (
        data.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


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
