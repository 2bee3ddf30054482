"""A user's rules of comparability, laid over those that ship.

What it decides: how a file that names a few facts changes the whole book. An entry changes every shipped rule that its
path covers, and a path that no shipped rule has becomes a rule of its own, before the one it would have fallen under;
so the first rule that matches still decides, and `host.*` changes all rules of the host at once.

Why this way: a copy of the whole book would stay behind with the next version. A change is small and can be read.

What it refuses: silence about loosening. To tighten is the user's own business; whatever the file allows beyond the
shipped rules is listed, and stands in the label of the rules in every result that was judged by them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from meshperf.analysis.rules import MATCHES, POLICIES, SEVERITIES, Rule, Rules, packaged_rules
from meshperf.errors import DocumentError
from meshperf.spec.document import Document, escape, raise_all
from meshperf.spec.rules_schema import RULE_FILE_KEYS, RULE_SWITCHES, RULE_TEXTS

__all__ = ["is_rules", "laid_over"]

_WORDS = {"severity": SEVERITIES, "unknown": POLICIES, "paired": POLICIES, "match": MATCHES}
_KEYS = (*RULE_TEXTS, *_WORDS, "tolerance", *RULE_SWITCHES)
_MOST = 1000


def is_rules(data: object) -> bool:
    """Whether a document is a rule file, or means to be one."""
    return isinstance(data, dict) and "rules" in data and "experiment" not in data


def laid_over(document: Document, base: Rules | None = None) -> Rules:
    """The rules of a user's file over `base` (None: those that ship).

    Raises:
        DocumentError: every problem of the file at once, with line and column: MP2101 to MP2104.
    """
    book = base or packaged_rules()
    raise_all(list(_problems(document)))
    data = document.data
    fields, loosened = book.fields, []
    for entry in data.get("fields", ()):
        changes = {key: value for key, value in entry.items() if key != "path"}
        if "tolerance" in changes:
            changes["tolerance"] = float(changes["tolerance"])
        fields, told = _changed(fields, str(entry["path"]), changes)
        loosened += told
    subjects = dict(book.subjects)
    for name, patterns in data.get("subjects", {}).items():
        more = [pattern for pattern in patterns if pattern not in subjects.get(name, ())]
        if more:
            loosened.append(f"`subject: [{name}]` covers {', '.join(more)} too")
        subjects[name] = (*subjects.get(name, ()), *more)
    return Rules(
        name=str(data["rules"]),
        version=int(data["version"]),
        digest=document.digest,
        fields=fields,
        brings=book.brings,
        subjects=subjects,
        base=book.label,
        loosened=tuple(dict.fromkeys(loosened)),
    )


def _changed(fields: tuple[Rule, ...], path: str, changes: Mapping[str, Any]) -> tuple[tuple[Rule, ...], list[str]]:
    """The rules with one entry applied, and what it loosens."""
    made: list[Rule] = []
    loosened: list[str] = []
    named = any(rule.path == path for rule in fields)
    for rule in fields:
        if not named and fnmatchcase(path, rule.path):
            made.append(replace(rule, path=path, **changes))
            loosened += _looser(rule, made[-1])
            named = True
        if fnmatchcase(rule.path, path):
            made.append(replace(rule, **changes))
            loosened += _looser(rule, made[-1])
        else:
            made.append(rule)
    return tuple(made), loosened


def _looser(old: Rule, new: Rule) -> Iterator[str]:
    """What the new rule allows and the old one does not, in words."""
    for key, words in (("severity", SEVERITIES), ("unknown", POLICIES), ("match", MATCHES)):
        was, now = str(getattr(old, key)), str(getattr(new, key))
        if words.index(now) > words.index(was):
            yield f"{new.path}: {key} {was} to {now}"
    was, now = old.policy(paired=True), new.policy(paired=True)
    if POLICIES.index(now) > POLICIES.index(was) and new.paired is not None:
        yield f"{new.path}: paired {was} to {now}"
    if new.severity == "CLOSE" and old.severity == "CLOSE" and new.tolerance > old.tolerance:
        yield f"{new.path}: tolerance {old.tolerance:g} to {new.tolerance:g}"
    if old.required and not new.required:
        yield f"{new.path}: no longer required"
    if old.constant and not new.constant:
        yield f"{new.path}: may change between rounds"
    if new.across and not old.across:
        yield f"{new.path}: may differ between meshes"
    if old.apart is not None and new.apart != old.apart:
        yield f"{new.path}: `{old.apart}` no longer stands apart"


def _problems(document: Document) -> Iterator[DocumentError]:
    data = document.data
    if not isinstance(data, dict):
        yield document.error("MP2104", "a rule file must be a mapping of keys to values")
        return
    yield from _unknown_keys(document, data, RULE_FILE_KEYS, "")
    if not isinstance(data.get("rules"), str) or not data["rules"].strip():
        yield _needed(document, data, "rules", "a name, as text")
    if type(data.get("version")) is not int or data["version"] < 1:
        yield _needed(document, data, "version", "a whole number from 1 on")
    fields = data.get("fields", [])
    if not isinstance(fields, list) or len(fields) > _MOST:
        yield document.error("MP2104", f"`fields` must be a list of at most {_MOST} rules", "/fields")
    else:
        for at, entry in enumerate(fields):
            yield from _entry_problems(document, entry, f"/fields/{at}")
    subjects = data.get("subjects", {})
    if not isinstance(subjects, dict):
        yield document.error("MP2104", "`subjects` must be a mapping of words to lists of paths", "/subjects")
        return
    for name, patterns in subjects.items():
        if not isinstance(patterns, list) or not all(isinstance(one, str) and one for one in patterns):
            yield document.error("MP2104", f"`{name}` must be a list of paths", f"/subjects/{escape(name)}")


def _entry_problems(document: Document, entry: Any, at: str) -> Iterator[DocumentError]:
    if not isinstance(entry, dict):
        yield document.error("MP2104", "a rule must be a mapping of keys to values", at)
        return
    yield from _unknown_keys(document, entry, _KEYS, at)
    if "path" not in entry:
        yield document.error("MP2102", "the key `path` is missing", at)
    for key, value in entry.items():
        place = f"{at}/{escape(key)}"
        if key in _WORDS and value not in _WORDS[key]:
            yield document.error("MP2103", f"`{key}` must be one of {', '.join(_WORDS[key])}, found {value!r}", place)
        elif key in RULE_TEXTS and not (isinstance(value, str) and value.strip()):
            yield document.error("MP2104", f"`{key}` must be text, found {value!r}", place)
        elif key in RULE_SWITCHES and not isinstance(value, bool):
            yield document.error("MP2104", f"`{key}` must be true or false, found {value!r}", place)
        elif key == "tolerance" and not _is_share(value):
            message = f"`tolerance` must be a share from 0 to 1, found {value!r}"
            yield document.error("MP2103", message, place, hint="0.05 is 5 %")


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


def _unknown_keys(document: Document, data: dict[str, Any], known: tuple[str, ...], at: str) -> Iterator[DocumentError]:
    for key in data:
        if key not in known:
            hint = f"known keys here: {', '.join(known)}"
            yield document.error("MP2101", f"unknown key `{key}`", f"{at}/{escape(key)}", hint=hint, key=True)


def _needed(document: Document, data: dict[str, Any], key: str, what: str) -> DocumentError:
    if key not in data:
        return document.error("MP2102", f"the key `{key}` is missing; it is {what}")
    return document.error("MP2104", f"`{key}` must be {what}", f"/{key}")
