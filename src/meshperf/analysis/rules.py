"""The rules of comparability as data: which facts must be equal, how nearly, and what an unknown one means.

They ship as `rules.yaml`, versioned, and every result prints name, version and digest of the rules it was judged by,
so that a later reader sees whether the yardstick moved.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import resources
from typing import Any

from ruamel.yaml import YAML

from meshperf.spec.records import FactValue
from meshperf.spec.rules_schema import MATCHES, POLICIES, SEVERITIES

__all__ = ["MATCHES", "POLICIES", "SEVERITIES", "Rule", "Rules", "packaged_rules", "parse_rules"]

_MINOR = re.compile(r"\d+\.\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the rule file; see its head for the words."""

    path: str
    severity: str
    unknown: str
    match: str = "exact"
    tolerance: float = 0.0
    paired: str | None = None
    required: bool = False
    across: bool = False
    constant: bool = False
    apart: str | None = None
    why: str = ""
    fix: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES or self.unknown not in POLICIES or self.match not in MATCHES:
            raise ValueError(f"rule for {self.path!r} has a word that is not known")
        if self.paired is not None and self.paired not in POLICIES:
            raise ValueError(f"rule for {self.path!r}: `paired` is one of {', '.join(POLICIES)}")

    def same(self, a: FactValue, b: FactValue) -> bool:
        """Whether two known values count as equal. 1, 1.0 and True are told apart only as far as Python does."""
        if self.match == "minor":
            return _minor(a) == _minor(b)
        if self.severity == "CLOSE" and isinstance(a, int | float) and isinstance(b, int | float):
            return abs(a - b) <= self.tolerance * max(abs(a), abs(b))
        return a == b

    def sets_apart(self, a: FactValue, b: FactValue) -> bool:
        """Whether one of two values is the one that compares with itself alone."""
        return self.apart is not None and (a == self.apart) != (b == self.apart)

    def policy(self, *, paired: bool) -> str:
        """What an unknown value means: block, flag or note."""
        return self.paired if paired and self.paired is not None else self.unknown


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """All rules of one file. `brings` and `subjects` hold path patterns with `*`."""

    name: str
    version: int
    digest: str
    fields: tuple[Rule, ...]
    brings: tuple[str, ...]
    subjects: Mapping[str, tuple[str, ...]]
    base: str = ""
    """Label of the rules that these were laid over; empty for those that ship."""
    loosened: tuple[str, ...] = ()
    """What these allow that the rules below them do not, in words."""
    _found: dict[str, Rule] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """Name, version and digest, and what was loosened: no result can leave that out."""
        own = f"{self.name} {self.version} (sha256 {self.digest})"
        over = f" over {self.base}" if self.base else ""
        return f"{own}{over}{'; loosened: ' + '; '.join(self.loosened) if self.loosened else ''}"

    @property
    def required(self) -> tuple[str, ...]:
        """Paths that every arm must name."""
        return tuple(rule.path for rule in self.fields if rule.required)

    def rule(self, path: str) -> Rule:
        """The first rule that matches; a rule file ends with one for `*`."""
        found = self._found.get(path)
        if found is None:
            found = next(rule for rule in self.fields if fnmatchcase(path, rule.path))
            self._found[path] = found
        return found

    def is_brought(self, path: str) -> bool:
        """Whether a fact belongs to what a mesh or library brings."""
        return any(fnmatchcase(path, pattern) for pattern in self.brings)

    def is_subject(self, path: str, subject: tuple[str, ...]) -> bool:
        """Whether the declared subject lets a fact differ. `mesh_config:X` is the group X, or the one setting X."""
        for word in subject:
            bare = word.removeprefix("mesh_config:")
            for pattern in self.subjects.get(word, (*self.subjects.get(bare, ()), bare)):
                if fnmatchcase(path, pattern) or path.rpartition(".")[2] == pattern:
                    return True
        return False


@lru_cache(maxsize=1)
def packaged_rules() -> Rules:
    """The rules that ship with meshperf."""
    return parse_rules(resources.files("meshperf.analysis").joinpath("rules.yaml").read_text(encoding="utf-8"))


def parse_rules(text: str) -> Rules:
    """Read a rule file.

    Raises:
        ValueError: a word is not known, or the last rule is not for `*`.
    """
    document: Any = YAML(typ="safe", pure=True).load(text)
    rules = tuple(Rule(**entry) for entry in document["fields"])
    if not rules or rules[-1].path != "*":
        raise ValueError("the last rule must be for `*`, so that every fact has one")
    return Rules(
        name=str(document["name"]),
        version=int(document["version"]),
        digest=hashlib.sha256(text.encode()).hexdigest(),
        fields=rules,
        brings=tuple(document["brings"]),
        subjects={name: tuple(patterns) for name, patterns in document["subjects"].items()},
    )


def _minor(value: FactValue) -> FactValue:
    text = str(value)
    found = _MINOR.search(text)
    return text[: found.start()].removesuffix("v") + found.group() if found else value
