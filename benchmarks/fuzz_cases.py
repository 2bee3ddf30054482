"""One changed sample from a few bytes: how the hypothesis engine makes its cases.

Hypothesis draws the bytes, so a case is small and repeatable. The first four bytes choose two samples and the number of
changes, one to three; every six after them are one change: what is done, where, and with what. What is put in is what
files of this kind are most easily wrong with: another number, a piece of another sample, brackets without end, a byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["PLAN_BYTES", "STEP", "case", "changed"]

_LONGEST: Final = 256 * 1024
"""Bytes of a case: copies of copies stay below it, and readers stay far from their own limits of megabytes."""
STEP: Final = 6
"""Bytes of one change."""
_STEPS: Final = 3
_HEAD: Final = 4
PLAN_BYTES: Final = _HEAD + STEP * _STEPS
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_FIGURES: Final = (
    *(b"0", b"-0", b"-1", b"1", b"2147483648", b"9223372036854775808", b"18446744073709551616", b"9" * 30, b"9" * 5000),
    *(b"1e308", b"1e309", b"-1e308", b"1e-320", b"5e-324", b"0.1", b"1_0", b"0x10", b"1e", b".", b"-", b"+1", b"1."),
    *(b"NaN", b"nan", b"inf", b"-inf", b"Infinity", b".inf", b".nan", b"null", b"true", b"~", b"[]", b"{}", b'""', b""),
    *("٣".encode(), b"1,5", b"1 000", b"1.5ms", b"12us", b"3h", b"1m1s", b"99%", b"2026-01-01T00:00:00Z"),
    *(b"9999-12-31T23:59:59Z", b"0000-00-00", b"2026-02-30T25:61:61+99:99", b'"', b"'", b"*a", b"&a", b"!!int x"),
)
_PIECES: Final = (
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n", b"\r\n\r\n", b"\t", b"\x1b[2J", b"\x85"),
    *(b"\\u0000", b"\\ud800", b"\\", b'"', b"#", b"---\n", b"...\n", b"- ", b": ", b"{", b"}", b"[", b"]", b","),
    *(b"[" * 70, b"{" * 70, b'{"a":' * 70, b"[" * 5000, b"- " * 200, b"a: {" * 100, b" " * 3000, b"a" * 20_000),
    *(b"&a [*a]", b"a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n", b"<<: *a", b"!!python/object:os.system ", b"? ", b"|\n"),
)


def case(plan: bytes, samples: Sequence[bytes]) -> bytes:
    """The sample that the plan of `PLAN_BYTES` chooses, with the plan's changes."""
    data = samples[int.from_bytes(plan[:2], "little") % len(samples)]
    other = samples[plan[2] % len(samples)]
    for number in range(max(1, plan[3] % (_STEPS + 1))):
        begin = _HEAD + number * STEP
        data = changed(data, other, plan[begin : begin + STEP])
    return data


def changed(data: bytes, other: bytes, step: bytes) -> bytes:
    """One change of `STEP` bytes: the first says which, two say where, three say what."""
    return _changed(data, other, step)[:_LONGEST]


def _changed(data: bytes, other: bytes, step: bytes) -> bytes:
    what, at, more = step[0] % 15, int.from_bytes(step[1:3], "little"), int.from_bytes(step[3:6], "little")
    place = at % (len(data) + 1)
    length = 1 + more % max(1, min(len(data), 1 << (1 + more % 11)))
    if what == 0:
        return _swapped(data, _NUMBER, at, str(more >> (more % 24)).encode())
    if what == 1:
        numbers = _NUMBER.findall(other) or [b"0"]
        return _swapped(data, _NUMBER, at, numbers[more % len(numbers)])
    if what == 2:
        return _swapped(data, _NUMBER, at, _FIGURES[more % len(_FIGURES)])
    if what in (3, 12, 13):
        words = _WORD.findall(other) or [b""]
        return _swapped(data, _WORD, at, words[more % len(words)])
    if what == 4:
        return data[:place] + bytes([more % 256]) + data[place + 1 :]
    if what == 5:
        return data[:place] + _PIECES[more % len(_PIECES)] + data[place:]
    if what == 6:
        return data[:place]
    if what == 7:
        return data[:place] + data[place + length :]
    if what == 8:
        return data[: place + length] + data[place:]
    if what == 9:
        begin = more % (len(other) + 1)
        return data[:place] + other[begin : begin + length] + data[place:]
    lines = data.split(b"\n")
    line = at % len(lines)
    if what in (10, 14):
        others = other.split(b"\n")
        return b"\n".join([*lines[:line], others[more % len(others)], *lines[line:]])
    target = more % len(lines)
    lines[line], lines[target] = lines[target], lines[line]
    return b"\n".join(lines)


def _swapped(data: bytes, pattern: re.Pattern[bytes], at: int, by: bytes) -> bytes:
    """What the pattern finds, the `at`-th of it, replaced."""
    found = list(pattern.finditer(data))
    if not found:
        return data + by
    one = found[at % len(found)]
    return data[: one.start()] + by + data[one.end() :]
