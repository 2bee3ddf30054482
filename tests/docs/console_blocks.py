"""The `console` blocks of the documentation, as commands with what the text says they print.

A block is read like a terminal: a line beginning with `$ ` is a command, what follows until the next one is its output.
`$ echo $?` and a number after a command say its exit code. In an output `…` stands for anything, a line of it alone
for any number of lines, and a number for any number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]))

_BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block. `file`: the name under which the reader is to save it."""

    page: Path
    language: str
    text: str
    file: str | None


@dataclass(frozen=True, kw_only=True)
class Told:
    """A command of the documentation. `output` is empty where the text shows none."""

    command: str
    output: tuple[str, ...]
    exit_code: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(page=page, file=file or None, language=kind, text=body) for file, kind, body in _BLOCK.findall(text)]


def commands(page: Path) -> list[Told]:
    """Every `$ meshperf …` of a page, in order."""
    found: list[Told] = []
    for block in blocks(page):
        if block.language != "console":
            continue
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if command == "echo $?":
                last = found.pop()
                found.append(Told(command=last.command, output=last.output, exit_code=int(output)))
            elif command.startswith("meshperf"):
                found.append(Told(command=command, output=tuple(output.rstrip("\n").splitlines()), exit_code=0))
    return found


def matches(expected: tuple[str, ...], printed: str) -> bool:
    """Whether what was printed is what the text shows; blanks at the ends of lines do not count."""
    lines = [r"(?:.*\n)*?" if line.strip() == "…" else f"{_line(line)}\n" for line in expected]
    text = "".join(f"{line.strip()}\n" for line in printed.rstrip("\n").splitlines())
    return re.fullmatch("".join(lines), text) is not None


def _line(shown: str) -> str:
    parts = [_words(part) for part in shown.strip().split("…")]
    return r"[^\n]*".join(parts) + r"[ ]*"


def _words(text: str) -> str:
    pieces = (re.escape(piece) for piece in _NUMBER.split(text))
    return re.sub(r"(?:\\ )+", r"[ ]+", r"\d[\d,.]*".join(pieces))
