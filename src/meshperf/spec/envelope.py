"""SMP test files, the envelope of `test:` and `mesh:`, as experiments on given URLs.

What it decides: each client is a load point and each of its URLs a run of its own at the client's full rate; weighted
`targets` share one run. Every field is honoured or refused by name, none is dropped in silence; what is merely done
differently here, such as another load generator, is a note in the experiment.

Why not through protobuf: its JSON reader refuses the files that Meshery writes (snake_case with numbers for enums and
`id:` left empty) or, told to be lenient, drops what it does not know, and it has no line numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshperf.spec.document import Document, raise_all
from meshperf.spec.envelope_client import Course, read_client
from meshperf.spec.envelope_stages import read_objectives, read_stages
from meshperf.spec.envelope_values import EnvelopeReading, Fields
from meshperf.spec.experiment import Experiment, LoadPoint, TargetUrl
from meshperf.spec.quantities import LONGEST_S, show, words_hint
from meshperf.spec.smp_enums import MESH_ALIASES, MESH_TYPES

__all__ = ["TEST_KEYS", "experiment_from_envelope", "is_envelope"]

TEST_KEYS = (
    "smp_version", "id", "name", "labels", "clients", "duration", "kind", "stages", "warmup_s", "cooldown_s",
    "repetitions", "order", "seed", "objectives", "stop_when", "arrival", "workload", "baseline",
)  # fmt: skip
_MESH_KEYS = ("type", "version", "labels", "annotations")
_KINDS: Mapping[Any, str] = {
    0: "", 1: "", 2: "load", 3: "stress", 4: "soak", 5: "capacity", 6: "spike", 7: "stress", 8: "sweep",
    "UNSPECIFIED": "", "SMOKE": "", "LOAD": "load", "STRESS": "stress", "SOAK": "soak", "CAPACITY": "capacity",
    "SPIKE": "spike", "BREAKPOINT": "stress", "SWEEP": "sweep",
}  # fmt: skip
_ARRIVALS: Mapping[Any, str] = {
    0: "", 1: "closed", 2: "constant", 3: "poisson", 4: "trace", "UNSPECIFIED": "", "CLOSED": "closed",
    "OPEN_CONSTANT": "constant", "OPEN_POISSON": "poisson", "OPEN_TRACE": "trace", "CONSTANT": "constant",
    "POISSON": "poisson", "TRACE": "trace",
}  # fmt: skip
_ORDERS: Mapping[Any, str] = {
    0: "interleaved", 1: "interleaved", 2: "blocked", 3: "random", "UNSPECIFIED": "interleaved",
    "INTERLEAVED": "interleaved", "BLOCKED": "blocked", "RANDOM": "random",
}  # fmt: skip
_REFUSED = {
    "stop_when": ("ends a run early, which is not available yet", "a stress test stops where its `objectives` break"),
    "workload": ("asks for a workload to be deployed; an SMP test loads URLs that are there", "write an experiment"),
    "baseline": ("asks for a comparison; an SMP test makes results that can be compared", "write an experiment"),
}


def is_envelope(data: Any) -> bool:
    """Whether a document is an SMP test rather than an experiment."""
    return isinstance(data, dict) and "experiment" not in data and ("test" in data or "mesh" in data)


def experiment_from_envelope(document: Document, *, files_beside: bool = True) -> Experiment:
    """The experiment that an SMP test file describes: no arms, `targets` from all clients and URLs.

    Args:
        files_beside: whether files that the document names must be there; a bundle's copy stands alone.

    Raises:
        DocumentError: every problem of the file.
    """
    reading = EnvelopeReading(document, files_beside=files_beside)
    experiment = _experiment(reading)
    raise_all(reading.problems)
    if experiment is None:  # every path without an experiment has noted a problem
        raise document.error("MP2104", "not an SMP test")
    return experiment


def _experiment(reading: EnvelopeReading) -> Experiment | None:
    document = reading.document
    root = reading.fields(document.data, "", ("test", "mesh"))
    for key in ("test", "mesh"):
        if root.get(key) is None:
            reading.bad("MP2102", f"an SMP test needs the key `{key}`", "", f"{key}: {{…}}")
    test = reading.fields(root.get("test") or {}, "/test", TEST_KEYS)
    mesh_type, mesh_version = _mesh(reading, root.get("mesh") or {})
    _refuse_unavailable(reading, test)
    stages = read_stages(reading, test)
    course = _course(reading, test, stages_s=math.fsum(stage.duration_s for stage in stages))
    clients = test.get("clients")
    if not isinstance(clients, list) or not clients:
        code = "MP2102" if clients is None or clients == [] else "MP2104"
        reading.bad(code, "`clients` must be a list of at least one client", test.at("clients"))
        return None
    points: list[LoadPoint] = []
    targets: list[TargetUrl] = []
    for client, place in reading.items(clients, test.at("clients")):
        point, runs = read_client(reading, client, place, len(points), course)
        if stages and (point.rate is not None or point.arrivals in ("closed", "trace")):
            message = "the rates are those of `stages`"
            reading.bad("MP2107", message, f"{place}/rps", "leave `rps` out, and let arrivals be open", key=True)
        for (url, weight), *others in runs:
            targets.append(TargetUrl(url=url, load_point=len(points), weight=weight, mix=tuple(others)))
        points.append(replace(point, stages=stages) if stages else point)
    path = document.path
    return Experiment(
        name=reading.text(test.get("name"), test.at("name")) or (path.stem if path else "SMP test"),
        subject=("mesh",),
        load=tuple(points),
        design="continuous",
        rounds=reading.whole(test.get("repetitions"), test.at("repetitions"), low=1, high=1000) or 1,
        order=reading.word(test.get("order"), test.at("order"), _ORDERS, "order") or "interleaved",
        seed=_seed(reading, test),
        arms={},
        objectives=read_objectives(reading, test),
        targets=tuple(targets),
        mesh_type=mesh_type,
        mesh_version=mesh_version,
        labels=reading.texts(test.get("labels"), test.at("labels")),
        notes=tuple(reading.notes),
        path=path,
        digest=document.digest,
    )


def _refuse_unavailable(reading: EnvelopeReading, test: Fields) -> None:
    for key, (why, hint) in _REFUSED.items():
        if test.get(key) not in (None, "", [], {}):
            reading.bad("MP2107", f"`{key}` {why}", test.at(key), hint, key=True)


def _seed(reading: EnvelopeReading, test: Fields) -> int:
    seed = reading.whole(test.get("seed"), test.at("seed"), low=0, high=2**53)
    return 1 if seed is None else seed


def _course(reading: EnvelopeReading, test: Fields, *, stages_s: float) -> Course:
    place = test.at("duration")
    duration_s = reading.duration(test.get("duration"), place, low=1e-2, high=LONGEST_S)
    if "duration" not in test and not stages_s:
        reading.bad("MP2102", "an SMP test needs a `duration`", place, "write for example `duration: 60s`")
    if duration_s is not None and stages_s and not math.isclose(duration_s, stages_s, rel_tol=1e-6):
        message = f"`duration` is {duration_s:g} s, and the stages add up to {stages_s:g} s"
        reading.bad("MP2107", message, place, "leave `duration` out")
    kind = reading.word(test.get("kind"), test.at("kind"), _KINDS, "kind")
    if kind and stages_s:
        if kind != "load":
            message = f"a {kind} test makes its own stages"
            reading.bad("MP2107", message, test.at("stages"), "leave `stages` or `kind` out", key=True)
        kind = None  # a load test of stages is those stages
    arrival = reading.word(test.get("arrival"), test.at("arrival"), _ARRIVALS, "arrival")
    if kind and arrival in ("closed", "trace"):
        message = f"a {kind} test offers rates of its own, so arrivals must be constant or Poisson"
        reading.bad("MP2107", message, test.at("arrival"), "write `arrival: OPEN_CONSTANT`, or leave it out")
    return Course(
        duration_s=stages_s or duration_s or 1.0,
        warmup_s=reading.number(test.get("warmup_s"), test.at("warmup_s"), default=1.0, low=0.0, high=3600.0),
        cooldown_s=reading.number(test.get("cooldown_s"), test.at("cooldown_s"), default=0.0, low=0.0, high=3600.0),
        arrival=arrival or None,
        kind=kind or None,
        staged=stages_s > 0,
    )


def _mesh(reading: EnvelopeReading, data: Any) -> tuple[str | None, str | None]:
    mesh = reading.fields(data, "/mesh", _MESH_KEYS)
    for key in ("labels", "annotations"):
        reading.texts(mesh.get(key), mesh.at(key))
    given = mesh.get("type")
    # `version: 1.20` is a number to YAML; what was written is the version
    mark = reading.document.marks.get(mesh.at("version"))
    written = mark.text if mark is not None and mesh.get("version") is not None else None
    if given is None or given == 0:
        return None, written
    if isinstance(given, bool) or not isinstance(given, int | str):
        reading.bad("MP2104", f"a mesh type is a name or number, found {show(given)}", mesh.at("type"))
        return None, written
    if isinstance(given, int) or given.isdigit():
        return MESH_TYPES.get(int(given), str(given)), written
    name = MESH_ALIASES.get(given.upper(), given.upper())
    if name not in MESH_TYPES.values():
        hint = words_hint(name, tuple(MESH_TYPES.values()))
        reading.bad("MP2106", f"unknown mesh type `{given}`", mesh.at("type"), hint)
    return name, written
