"""A page read the way a machine reads it: its elements with attributes and text, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    ancestors: tuple[str, ...]
    text: str = ""
    children: list[Element] = field(default_factory=list)


class Page(HTMLParser):
    """`elements` in document order; `text` is what a reader sees, without scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self._seen: list[str] = []
        self.feed(source)
        self.close()
        assert not self._open, f"never closed: {[e.tag for e in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {k: v or "" for k, v in attrs}, tuple(e.tag for e in self._open))
        self.elements.append(element)
        if self._open:
            self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1].tag == tag, f"</{tag}> closes {[e.tag for e in self._open]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
        if not any(e.tag in ("script", "style", "code") for e in self._open):
            self._seen.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._seen).split())

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def outline(self) -> str:
        """Headings, charts, tables with their columns: the structure, without the figures."""
        lines = []
        for e in self.all("h1", "h2", "h3", "figure", "summary", "caption", "thead", "pre"):
            text = (
                " | ".join(c.text.strip() for c in e.children[0].children)
                if e.tag == "thead"
                else " ".join(e.text.split())
            )
            lines.append(f"{e.tag}: {e.attributes.get('data-chart') or text}")
        return "\n".join(lines) + "\n"
