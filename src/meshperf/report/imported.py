"""The report of results of other tools: what each says, how far its figures may be from the truth, and what it hides.

What it decides: the order only. What must be known of a result stands before its figures, since that is what other
tools leave out: failures among the latencies, a clock that starts late, bounds as wide as the figure.
What it refuses: a verdict on the run. A tool that does not watch itself gives nothing to judge it by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshperf.report import data, wording
from meshperf.report.html import Part, html
from meshperf.report.markdown import markdown
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, Tone, cells
from meshperf.spec.completeness import completeness
from meshperf.spec.imported import Imported, LatencyOf, LatencyOrigin
from meshperf.units import Unit

__all__ = ["assemble_imported"]

_ORIGINS = {
    LatencyOrigin.INTENDED: "from the moment a request was due",
    LatencyOrigin.ACTUAL: "from the actual send, so what waited for its turn to be sent is not in them",
    LatencyOrigin.UNKNOWN: "from a moment that the result does not tell",
}
_OF = {
    LatencyOf.SUCCESSES: "Of successful requests",
    LatencyOf.ALL: "Of all requests, the failed ones too",
    LatencyOf.UNKNOWN: "Of requests whose outcome the result does not tell",
}


def assemble_imported(results: Sequence[Imported], documents: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Every file of a report of results of other tools, by relative path.

    Args:
        results: at least one.
        documents: their SMP documents, which become data.json.

    Raises:
        ValueError: no result was given.
    """
    if not results:
        raise ValueError("a report needs at least one result")
    several = len(results) > 1
    parts = [
        Part(
            heading=f"Result {number}: {_title(result)}" if several else None,
            prefix=f"result{number}-" if several else "",
            sections=_sections(result),
            drawings={},
        )
        for number, result in enumerate(results, start=1)
    ]
    title = "Results of other tools" if several else _title(results[0])
    document = data.as_json({"results": list(documents)})
    text = markdown(title, [(part.heading, part.sections) for part in parts], charts={}, note="")
    page = html(title, parts, note="", data=document, about="what was measured")
    files = {"report.html": page, "report.md": text, "data.json": document + "\n"}
    return {name: content.encode("utf-8", "replace") for name, content in files.items()}


def _title(of: Imported) -> str:
    name = wording.clean(of.name or of.source.file or "standard input")
    return f"{wording.clean(of.source.tool)}: {name}" + (
        f" {wording.clean(of.source.place)}" if of.source.place else ""
    )


def _sections(of: Imported) -> tuple[Section, ...]:
    failures = _failures(of)
    found = [
        Section(
            key="answer",
            title="The answer",
            sentences=(
                f"Measured by {wording.clean(of.source.tool)} {wording.clean(of.source.tool_version or '')}".strip()
                + f" and imported; what it tells is {completeness(of).value}.",
            ),
            points=tuple(wording.clean(note.text) for note in of.notes),
            exhibits=(Exhibit(table=_figures(of)),),
        ),
        Section(
            key="percentiles",
            title="Response times",
            sentences=(f"{_OF[of.latency_of]}, {_ORIGINS[of.latency_origin]}.",),
            exhibits=_present(_quantiles(of)),
        ),
        Section(key="failures", title="What failed", exhibits=_present(failures)),
        Section(key="source", title="The source", exhibits=_present(_source(of))),
    ]
    return tuple(section for section in found if section.exhibits or section.sentences)


def _present(table: Table) -> tuple[Exhibit, ...]:
    return (Exhibit(table=table),) if table.rows else ()


def _figures(of: Imported) -> Table:
    failed = of.errors is not None and of.errors > 0 and not of.ok
    errors = Cell(text=wording.count(of.errors), tone=Tone.BAD if failed else Tone.PLAIN)
    rows = [
        ("offered rate", _rate(of.offered_rps)),
        ("achieved rate", _rate(of.achieved_rps)),
        ("loop", of.loop.value),
        ("connections", wording.count(of.connections)),
        ("measured for", wording.seconds(of.duration_s)),
        ("requests", wording.count(of.requests)),
        ("answered", wording.count(of.ok)),
        ("errors", errors),
        ("mean", wording.quantity(of.mean_s, Unit.SECONDS)),
        ("lowest", wording.quantity(of.min_s, Unit.SECONDS)),
        ("highest", wording.quantity(of.max_s, Unit.SECONDS)),
    ]
    return _table("The run in figures", ("figure", "value"), rows)


def _quantiles(of: Imported) -> Table:
    rows = [
        (
            f"p{one.q * 100:g}",
            *(wording.quantity(value, Unit.SECONDS) for value in (one.value_s, one.low_s, one.high_s)),
        )
        for one in of.quantiles
    ]
    return _table("Response time by quantile, and between what it lies", ("quantile", "told", "least", "most"), rows)


def _failures(of: Imported) -> Table:
    kinds = (
        ("status", of.errors_by_status),
        ("gRPC status", of.errors_by_grpc_status),
        ("reason", of.errors_by_reason),
    )
    rows = [
        (kind, wording.clean(name), wording.count(count))
        for kind, counts in kinds
        for name, count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    return _table("Failed requests", ("kind", "which", "requests"), rows)


def _source(of: Imported) -> Table:
    told = {
        "file": of.source.file,
        "part of it": of.source.place,
        "SHA-256": of.source.digest,
        "form": of.source.form,
        "begun": None if of.start_time is None else of.start_time.isoformat(timespec="seconds"),
        "URL": of.url,
        "protocol": of.protocol,
        "mesh": of.mesh,
    }
    return _table("Where it came from", ("", "value"), [(k, wording.clean(v)) for k, v in told.items() if v])


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str | Cell]]) -> Table:
    first = 2 if len(heads) == 3 else 1
    columns = tuple(Column(title=head, figures=number >= first) for number, head in enumerate(heads))
    return Table(caption=caption, columns=columns, rows=tuple(cells(*row) for row in rows))


def _rate(figure: float | None) -> str:
    return wording.UNKNOWN if figure is None else f"{figure:.4g}/s"
