"""OpenMetrics text: what a Prometheus server reads, and `promtool tsdb create-blocks-from openmetrics` takes in.

Every sample has the result's labels and, where it is known, the time at which the result ended, so that a history of
results becomes a history in the database. Families come one after another, as the format asks, each with all results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshperf.interchange.export.cumulative import cumulative
from meshperf.interchange.export.form import ExportForm, PartialWriter, Writer
from meshperf.interchange.export.outgoing import Outgoing, names_of, time_word
from meshperf.interchange.export.parts import Part
from meshperf.spec.imported import Imported

__all__ = ["WRITERS"]

_Labels = Mapping[str, str]
_Sample = tuple[str, _Labels, float]
"""Suffix of the family's name, labels beside the result's own, value."""

_TIME_HELP = {
    "response_time": "from the intended start of a request to its last byte",
    "service_time": "from the actual send of a request to its end",
    "unclassified_time": "of requests, from a moment that the source does not tell",
}
_NUMBERS = {
    "offered_rate_requests_per_second": ("Requests that the schedule asked for, a second", "offered_rps"),
    "achieved_rate_requests_per_second": ("Successful replies a second", "achieved_rps"),
    "duration_seconds": ("Counted time of the result", "duration_s"),
    "connections": ("Connections kept open", "connections"),
}
_COUNTS = {
    "requests": (
        "Requests by outcome; those of which nothing is known are left out",
        (("ok", "ok"), ("failed", "errors")),
    ),
    "timeouts": ("Requests that were given up", (("", "timeouts"),)),
}
_BYTES = (("in", "bytes_in"), ("out", "bytes_out"))
_BOUNDS = {
    "": ("value_s", "quantile"),
    "_low": ("low_s", "lower bound of the quantile"),
    "_high": ("high_s", "upper bound"),
}


class _OpenMetrics(PartialWriter):
    form = ExportForm(
        name="openmetrics",
        title="OpenMetrics text, with the end of each result as its time",
        suffix=".om.txt",
        carries=frozenset({Part.DISTRIBUTION, Part.BOUNDS, Part.ORIGIN, Part.LOOP, Part.VALIDITY, Part.MESH}),
        note="buckets are at most an eighth of their value wide",
    )

    def write(self, results: Sequence[Outgoing], *, lossy: bool = False) -> bytes:
        named = [(result, _labels(result, name)) for result, name in zip(results, names_of(results), strict=True)]
        lines = [*_information(named), *_gauges(named), *_counters(named)]
        for word, about in _TIME_HELP.items():
            of_word = [one for one in named if time_word(one[0].record) == word]
            lines += [*_quantiles(of_word, word, about), *_histograms(of_word, word, about)]
        return "".join(f"{line}\n" for line in [*lines, "# EOF"]).encode("utf-8", "replace")


_Named = Sequence[tuple[Outgoing, _Labels]]


def _labels(result: Outgoing, name: str) -> _Labels:
    source = result.record.source
    labels = {"result": name, "tool": source.tool, "file": source.file, "place": source.place}
    if result.run is not None:
        run = result.run
        labels |= {"experiment": run.experiment, "arm": run.resident}
        labels |= {"round": str(run.round), "load_point": str(run.load_point)}
    return {key: value for key, value in labels.items() if value}


def _family(
    name: str, kind: str, about: str, samples: Sequence[tuple[Outgoing, _Labels, _Sample]], *, unit: str = ""
) -> Iterator[str]:
    """The lines of a family; none where it has no sample."""
    if not samples:
        return
    full = f"meshperf_{name}"
    yield f"# TYPE {full} {kind}"
    if unit:
        yield f"# UNIT {full} {unit}"
    yield f"# HELP {full} {_escaped(about)}"
    for result, own, (suffix, further, value) in samples:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in {**own, **further}.items())
        end = result.record.end_time
        time = "" if end is None else f" {end.timestamp():.3f}"
        yield f"{full}{suffix}{{{shown}}} {_number(value)}{time}"


def _information(named: _Named) -> Iterator[str]:
    samples: list[tuple[Outgoing, _Labels, _Sample]] = []
    for result, labels in named:
        record = result.record
        facts = {
            "tool_version": record.source.tool_version,
            "loop": record.loop.value,
            "latency_origin": record.latency_origin.value,
            "protocol": record.protocol,
            "mesh": record.mesh,
            "mesh_version": record.mesh_version,
            "validity": None if result.run is None else result.run.validity.state.value,
        }
        samples.append((result, labels, ("_info", {key: text for key, text in facts.items() if text}, 1.0)))
    yield from _family("result", "info", "What is known of a result beside its figures", samples)


def _gauges(named: _Named) -> Iterator[str]:
    for name, (about, field) in _NUMBERS.items():
        samples: list[tuple[Outgoing, _Labels, _Sample]] = [
            (result, labels, ("", {}, value)) for result, labels, value in _known(named, field)
        ]
        unit = "seconds" if name.endswith("_seconds") else "requests_per_second" if name.endswith("_second") else ""
        yield from _family(name, "gauge", about, samples, unit=unit)


def _counters(named: _Named) -> Iterator[str]:
    for name, (about, fields) in _COUNTS.items():
        samples: list[tuple[Outgoing, _Labels, _Sample]] = []
        for one in named:
            for outcome, field in fields:
                for result, labels, value in _known([one], field):
                    samples.append((result, labels, ("_total", {"outcome": outcome} if outcome else {}, value)))
        yield from _family(name, "counter", about, samples)
    transferred = [
        (result, labels, ("_total", {"direction": direction}, value))
        for one in named
        for direction, field in _BYTES
        for result, labels, value in _known([one], field)
    ]
    yield from _family("transferred_bytes", "counter", "Bytes on the connections", transferred, unit="bytes")


def _quantiles(named: _Named, word: str, about: str) -> Iterator[str]:
    for bound, (field, shown) in _BOUNDS.items():
        samples = [
            (result, labels, ("", {"quantile": repr(one.q)}, float(getattr(one, field))))
            for result, labels in named
            for one in result.record.quantiles
        ]
        name = f"{word}_quantile{bound}_seconds"
        yield from _family(name, "gauge", f"Time {about}: {shown}", samples, unit="seconds")


def _histograms(named: _Named, word: str, about: str) -> Iterator[str]:
    samples: list[tuple[Outgoing, _Labels, _Sample]] = []
    for result, labels in named:
        record = result.record
        points = cumulative(record)
        if not points:
            continue
        total = _total(record)
        samples += [(result, labels, ("_bucket", {"le": _number(upper)}, float(count))) for upper, count in points]
        samples.append((result, labels, ("_bucket", {"le": "+Inf"}, float(total))))
        if record.mean_s is not None:  # the format has a count only beside a sum
            samples.append((result, labels, ("_count", {}, float(total))))
            samples.append((result, labels, ("_sum", {}, record.mean_s * total)))
    yield from _family(f"{word}_seconds", "histogram", f"Time {about}", samples, unit="seconds")


def _total(record: Imported) -> int:
    return record.response.total or sum(bucket.count for bucket in record.buckets)


def _known(named: _Named, field: str) -> Iterator[tuple[Outgoing, _Labels, float]]:
    for result, labels in named:
        value = getattr(result.record, field)
        if value is not None:
            yield result, labels, float(value)


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


WRITERS: tuple[Writer, ...] = (_OpenMetrics(),)
