"""A small strict reader of OpenMetrics text, for tests: what the format demands and a writer may get wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))*)\}'
    r" (\S+)(?: (\d+\.\d{3}))?"
)
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"')
_SUFFIXES = {
    "info": ("_info",), "gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"),
}  # fmt: skip


@dataclass
class Family:
    kind: str
    unit: str = ""
    samples: list[tuple[str, dict[str, str], float, str | None]] = field(default_factory=list)


def parsed(text: str) -> dict[str, Family]:
    """The families of a document; asserts what the format demands of it."""
    assert text.endswith("# EOF\n")
    families: dict[str, Family] = {}
    name = ""
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for line in text.removesuffix("# EOF\n").splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in families, f"{name} comes twice"
            families[name] = Family(kind)
        elif line.startswith("# UNIT "):
            families[name].unit = line.split()[3]
            assert name.endswith(f"_{families[name].unit}") and not families[name].samples
        elif line.startswith("# HELP "):
            assert line.split()[2] == name and not families[name].samples
        else:
            found = _SAMPLE.fullmatch(line)
            assert found is not None, line
            suffix = found[1].removeprefix(name)
            assert found[1].startswith(name) and suffix in _SUFFIXES[families[name].kind], line
            labels = dict(_LABEL.findall(found[2]))
            assert len(labels) == len(_LABEL.findall(found[2]))
            key = (found[1], tuple(sorted(labels.items())))
            assert key not in seen, line
            seen.add(key)
            families[name].samples.append((suffix, labels, float(found[3]), found[4]))
    return families
