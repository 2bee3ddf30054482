"""From an Altair chart to one SVG with a name and one PNG."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from meshperf.report.charts.compact import FONT, compact
from meshperf.report.charts.theme import CONFIG

__all__ = ["Drawing", "draw"]

_ROOT = re.compile(r"<svg [^>]*?width=\"([\d.]+)\" height=\"([\d.]+)\" viewBox=\"([^\"]+)\">")
_PNG_SCALE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A drawn chart: `name` says which, `file` is its file name without ending. The SVG carries its title."""

    name: str
    file: str
    title: str
    description: str
    svg: str
    document: dict[str, Any] = field(repr=False)
    """The Vega-Lite document it was drawn from."""

    def png(self) -> bytes:
        """The same picture as PNG, twice as fine as its size in the page."""
        import vl_convert

        png = vl_convert.vegalite_to_png(self.document, vl_version=_vega_lite(), scale=_PNG_SCALE, allowed_base_urls=[])
        return bytes(png)


def draw(chart: Any, *, name: str, file: str, title: str, description: str) -> Drawing:
    """Draw `chart` (Altair). Equal charts give equal bytes on one machine."""
    import vl_convert

    document = {**chart.to_dict(), "config": CONFIG}
    svg = vl_convert.vegalite_to_svg(document, vl_version=_vega_lite(), allowed_base_urls=[])
    named = _named(svg, file, title, description)
    return Drawing(name=name, file=file, title=title, description=description, svg=named, document=document)


def _vega_lite() -> str:
    """The version of Vega-Lite that Altair writes, as vl-convert names it."""
    import altair

    return str(altair.SCHEMA_VERSION).removeprefix("v").rpartition(".")[0]


def _named(svg: str, file: str, title: str, description: str) -> str:
    """Give the picture one accessible name, and its inner ids a prefix so that several can share a page."""
    match = _ROOT.search(svg)
    if match is None:
        raise ValueError("the drawn SVG has no root with width, height and viewBox")
    width, height, box = match.groups()
    body = re.sub(r'\bid="([^"]+)"', rf'id="{file}-\1"', compact(svg[match.end() :]))
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{file}-\1)", body)
    body = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{file}-\2"', body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-labelledby="{file}-title {file}-desc" width="{width}" height="{height}" viewBox="{box}" '
        f'font-family="{FONT}">'
        f'<title id="{file}-title">{escape(title)}</title><desc id="{file}-desc">{escape(description)}</desc>{body}'
    )
