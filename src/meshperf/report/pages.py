"""The files of a report that consists of sections alone: a page, Markdown, the data, charts where they can be drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshperf.report import charts as drawing
from meshperf.report import wording
from meshperf.report.charts.drawing import Drawing
from meshperf.report.html import Part, html
from meshperf.report.markdown import markdown
from meshperf.report.tables import Section

__all__ = ["pages"]


def pages(
    name: str,
    sections: Sequence[Section],
    *,
    data: Mapping[str, Any],
    about: str,
    charts: Callable[[], Sequence[Drawing]],
) -> dict[str, bytes]:
    """Every file by its relative path: report.html, report.md, data.json, charts/*.svg and charts/*.png.

    Args:
        data: JSON types; carried inside the page too.
        about: follows the name in the window's title.
        charts: draws them; called only where the libraries for it are installed, else the report says so.
    """
    drawn = drawing.available()
    drawings = tuple(charts()) if drawn else ()
    note = "" if drawn else drawing.MISSING
    title = wording.clean(name) or "unnamed experiment"
    document = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    part = Part(heading=None, prefix="", sections=sections, drawings={each.name: each for each in drawings})
    pictures = {f"0/{each.name}": f"charts/{each.file}.svg" for each in drawings}
    files = {
        "report.html": html(title, [part], note=note, data=document, about=about).encode(),
        "report.md": markdown(title, [(None, sections)], charts=pictures, note=note).encode(),
        "data.json": (document + "\n").encode(),
    }
    for each in drawings:
        files[f"charts/{each.file}.svg"] = each.svg.encode()
        files[f"charts/{each.file}.png"] = each.png()
    return files
