"""The summary that hey prints, and ghz and oha after it: totals, a histogram, a distribution, codes, errors.

The three differ in units (each figure carries its own, or the unit is that of the tool) and in what a code means; the
structure is read here once. In the histogram a count stands for requests above the mark before and up to its own, the
first mark being the fastest request. Marks and percentiles are rounded to the digits printed. Where no request had a
reply, oha prints NaN and inf in place of times, and a histogram of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshperf.interchange.numbers import plain_number
from meshperf.interchange.printed import Printed, printed_time
from meshperf.interchange.quantiles import bounds_in, in_order
from meshperf.interchange.text import Line
from meshperf.spec.imported import Bucket, Quantile

__all__ = ["Summary", "buckets_of", "quantiles_of", "summaries_of"]

_FIELD = re.compile(r"  ([A-Z][A-Za-z/ ]{2,20}):\s*(\S.*?)\s*")
_NO_MARK = re.compile(r"\s*NaN(?: ?[a-zµ]{1,4})? \[0\]\s*(?:\|.*)?", re.IGNORECASE)
_NO_TIME = re.compile(r"[-+]?(nan|inf)\b", re.IGNORECASE)
_MARK = re.compile(r"\s*([0-9.]{1,20})(?: ?(sec|secs|ms|us|µs|ns|s|m))? \[([0-9]{1,18})\]\s*(?:\|.*)?")
_PERCENT = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]{1,6})?) ?% in (\S+) ?([a-zµ]*)")
_CODE = re.compile(r"\s*\[([^\]]{1,60})\]\s+([0-9]{1,18}) responses?")
_ERROR = re.compile(r"\s*\[([0-9]{1,18})\]\s+(\S.*)")
_UNITS = {"sec": "s", "secs": "s", "seconds": "s"}


@dataclass(kw_only=True)
class Summary:
    """One summary, as printed."""

    first: Line
    fields: dict[str, tuple[Line, str]] = field(default_factory=dict)
    marks: list[tuple[Line, Printed, int]] = field(default_factory=list)
    percentiles: list[tuple[float, Printed]] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def time(self, name: str) -> Printed | None:
        """A time [s]; None where it is not there or no number."""
        found = self.fields.get(name)
        if found is None or _NO_TIME.match(found[1]):
            return None
        figure = _time(found[1])
        if figure is None:
            raise found[0].broken(f"`{name}` must be a time with its unit, found {found[1][:40]!r}")
        return figure

    def number(self, name: str) -> float | None:
        """A plain number; a unit behind it is left out."""
        found = self.fields.get(name)
        if found is None or _NO_TIME.match(found[1]):
            return None
        try:
            return plain_number(found[1].split()[0].rstrip("%"))
        except ValueError:
            raise found[0].broken(f"`{name}` must be a number, found {found[1][:40]!r}") from None


def summaries_of(lines: list[Line], *, mark_unit: str) -> Iterator[Summary]:
    """Each summary in the output, from its line `Summary:` on.

    Args:
        mark_unit: of the histogram's marks where none is printed.

    Raises:
        DocumentError: MP2402, a line of a section that cannot be understood, or nothing below `Summary:`.
    """
    current: Summary | None = None
    section = ""
    for line in lines:
        text = line.text
        if text.strip() == "Summary:":
            if current is not None:
                yield _whole(current)
            current, section = Summary(first=line), "summary"
        elif current is None or not text.strip():
            continue
        elif not text.startswith((" ", "\t")) and text.rstrip().endswith(":"):
            section = text.strip().lower()
        elif section == "summary":
            found = _FIELD.fullmatch(text.replace("\t", " "))
            if found is not None:
                current.fields[found[1].strip()] = (line, found[2])
        else:
            _section(current, section, line, mark_unit)
    if current is not None:
        yield _whole(current)


def _whole(summary: Summary) -> Summary:
    if "Requests/sec" not in summary.fields:
        raise summary.first.broken("the summary breaks off before `Requests/sec`")
    return summary


def _section(summary: Summary, section: str, line: Line, mark_unit: str) -> None:
    if section.startswith("response time histogram"):
        if _NO_MARK.fullmatch(line.text):
            return
        mark = _MARK.fullmatch(line.text)
        figure = None if mark is None else printed_time(mark[1] + _UNITS.get(mark[2] or "", mark[2] or mark_unit))
        if mark is None or figure is None:
            raise line.broken("not a mark of a histogram")
        summary.marks.append((line, figure, int(mark[3])))
    elif "distribution" in section and section.startswith(("latency", "response time")):
        percent = _PERCENT.match(line.text)
        if percent is None:
            raise line.broken("not a percentile")
        if _NO_TIME.match(percent[2]):
            return
        figure = _time(f"{percent[2]} {percent[3]}")
        if figure is None:
            raise line.broken("a percentile must be a time with its unit")
        if 0 < float(percent[1]) < 100:
            summary.percentiles.append((float(percent[1]) / 100, figure))
    elif section.startswith("status code distribution"):
        code = _CODE.match(line.text)
        if code is None:
            raise line.broken("not a count of a status code")
        summary.codes[code[1]] = summary.codes.get(code[1], 0) + int(code[2])
    elif section.startswith("error distribution"):
        error = _ERROR.fullmatch(line.text)
        if error is not None:  # what else stands here is the rest of an error's text
            reason = error[2][:200]
            summary.errors[reason] = summary.errors.get(reason, 0) + int(error[1])


def buckets_of(summary: Summary) -> tuple[Bucket, ...]:
    """The histogram. Raises MP2403 where marks fall."""
    found: list[Bucket] = []
    last = 0.0
    for line, mark, count in summary.marks:
        if mark.value < last:
            raise line.contradicts("the marks of the histogram must rise")
        found.append(Bucket(low_s=last if found else mark.value, high_s=mark.value, count=count))
        last = mark.value
    return tuple(found)


def quantiles_of(summary: Summary) -> tuple[Quantile, ...]:
    """The percentiles with half of their last digit to either side, or the bounds of the histogram if tighter.

    A mark is rounded too, so the bounds of the histogram are widened by that.
    """
    buckets = buckets_of(summary)
    half = max((mark.high - mark.value for _, mark, _ in summary.marks), default=0.0)
    found = {}
    for q, figure in summary.percentiles:
        low, high = figure.low, figure.high
        bounds = bounds_in(buckets, q)
        if bounds is not None:
            inner = max(low, bounds[0] - half), min(high, bounds[1] + half)
            if inner[0] <= figure.value <= inner[1]:
                low, high = inner
        found[q] = Quantile(q=q, value_s=figure.value, low_s=low, high_s=high)
    return in_order(found.values())


def _time(text: str) -> Printed | None:
    number, _, unit = text.strip().partition(" ")
    return printed_time(number + _UNITS.get(unit.strip(), unit.strip()))
