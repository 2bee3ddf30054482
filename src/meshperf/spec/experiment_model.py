"""The experiment file as pydantic models: which keys there are, and what each may hold.

Rules between keys are in `experiment_rules`, because pydantic skips such rules as soon as one key is wrong, and a file
should be told everything at once.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field
from pydantic.config import JsonDict

from meshperf.spec.absolute_floors import parse_absolute_floor
from meshperf.spec.experiment import DEFAULT_MARGINS, KNOWN_MESHES
from meshperf.spec.experiment_load_model import LoadPointModel, Model
from meshperf.spec.graph_packaged import ECHO, PACKAGED_GRAPHS, is_graph_file
from meshperf.spec.objectives import parse_objective
from meshperf.spec.quantities import (
    DURATION_PATTERN,
    Margin,
    Rate,
    Reads,
    Share,
    Size,
    Switch,
    Text,
    duration_between,
    refuse,
    show,
    whole_between,
    word,
    words_hint,
)
from meshperf.spec.resolution_model import HalfWidth, ResolutionMetric
from meshperf.units import parse_duration

__all__ = [
    "AbsoluteFloorsModel",
    "ArmModel",
    "ExperimentModel",
    "FunctionsModel",
    "LimitsModel",
    "MatrixModel",
    "WorkloadModel",
]

ARM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
HOST_NAME = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,253}")
SUBJECTS = ("mesh", "mesh_version", "node_type", "kubernetes", "workload", "client_library", "load", "time")
_GRAPH_FILE = r"/|\.(yaml|yml|json)$"
SERVICE_TIME = re.compile(r"(?:exponential:)?([^:]+)|lognormal:([^:]+):(\d+(?:\.\d+)?)")


CLOSED: JsonDict = {"additionalProperties": False}
"""For mappings whose keys follow a pattern: other keys are errors, which pydantic's schema does not say."""


def _subjects(value: Any) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words:
        raise refuse("MP2104", f"`subject` must be a word or a list of words, found {show(value)}", _SUBJECT_HINT)
    for one in words:
        if not isinstance(one, str) or not (one in SUBJECTS or re.fullmatch(r"mesh_config:\S+", one)):
            hint = "write mesh_config:<path>, such as mesh_config:mtls" if one == "mesh_config" else _SUBJECT_HINT
            raise refuse(
                "MP2104", f"unknown subject {show(one)}", words_hint(one, SUBJECTS) if one != "mesh_config" else hint
            )
    return tuple(dict.fromkeys(words))


_SUBJECT_HINT = f"one of: {', '.join(SUBJECTS)}, mesh_config:<path>"
_SUBJECT_WORD = {"type": "string", "pattern": f"^({'|'.join(SUBJECTS)}|mesh_config:\\S+)$"}
Subject = Annotated[
    tuple[str, ...],
    Reads(_subjects, {"anyOf": [_SUBJECT_WORD, {"type": "array", "items": _SUBJECT_WORD, "minItems": 1}]}),
]


def _objective(value: Any) -> str:
    if not isinstance(value, str):
        raise refuse("MP2108", f"an objective must be text, found {show(value)}", "write for example p90 <= 50ms")
    try:
        parse_objective(value)
    except ValueError as error:
        raise refuse("MP2108", str(error)) from None
    return value


ObjectiveText = Annotated[str, Reads(_objective, {"type": "string"})]


def _metric(value: Any) -> str:
    if value not in DEFAULT_MARGINS:
        raise refuse("MP2108", f"no margin is known for {show(value)}", words_hint(value, tuple(DEFAULT_MARGINS)))
    return str(value)


MarginMetric = Annotated[str, Reads(_metric, {"type": "string", "pattern": f"^({'|'.join(DEFAULT_MARGINS)})$"})]


def _floor(metric: str, example: str, schema: JsonDict) -> Reads:
    """An amount with its unit that counts as none."""

    def read(value: Any) -> float:
        if not isinstance(value, str):
            message = f"an absolute floor of `{metric}` must be an amount with its unit, found {show(value)}"
            raise refuse("MP2108", message, f"write for example {example}")
        try:
            return parse_absolute_floor(metric, value)
        except ValueError as error:
            raise refuse("MP2108", f"`{metric}`: {error}", f"write for example {example}") from None

    return Reads(read, dict(schema))


def _time_floor(metric: str, example: str) -> Reads:
    return _floor(metric, example, {"type": "string", "pattern": DURATION_PATTERN})


class AbsoluteFloorsModel(Model):
    """Added amounts that count as none, whatever their share."""

    p50: Annotated[float, _time_floor("p50", "20us")] | None = None
    p90: Annotated[float, _time_floor("p90", "50us")] | None = None
    p99: Annotated[float, _time_floor("p99", "100us")] | None = None
    mean: Annotated[float, _time_floor("mean", "20us")] | None = None
    cpu_per_request: Annotated[float, _time_floor("cpu_per_request", "1us")] | None = None
    memory: Annotated[float, _floor("memory", "1MiB", {"type": "string", "pattern": "B$"})] | None = None

    def by_metric(self) -> dict[str, float]:
        """Those that were written, in seconds or bytes."""
        return {metric: floor for metric, floor in self if floor is not None}


def _service_time(value: Any) -> str:
    hint = "write for example 300us, exponential:300us or lognormal:300us:0.5"
    match = SERVICE_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refuse("MP2104", f"not a service time: {show(value)}", hint)
    try:
        seconds = parse_duration(match[1] or match[2])
    except ValueError as error:
        raise refuse("MP2104", f"service time: {error}", hint) from None
    if not 0 <= seconds <= 60:
        raise refuse("MP2103", f"a service time must be at most 60s, found {show(value)}")
    if match[3] is not None and not 0 < float(match[3]) <= 4:
        raise refuse("MP2103", f"the sigma of a lognormal service time must be above 0 and at most 4, found {match[3]}")
    return str(value)


ServiceTime = Annotated[str, Reads(_service_time, {"type": "string"})]


def _status(value: Any) -> int:
    text = str(value)
    if not re.fullmatch(r"[2-5]\d\d", text) or text == "200":
        raise refuse("MP2103", f"a status must be from 201 to 599, found {show(value)}", "200 is the rest")
    return int(text)


Status = Annotated[int, Reads(_status, {"type": "string", "pattern": "^[2-5][0-9]{2}$"})]


def _arm_name(value: Any) -> str:
    if not isinstance(value, str) or not ARM_NAME.fullmatch(value):
        hint = "letters, digits, dot, dash and underscore, beginning with a letter or digit, at most 63"
        raise refuse("MP2104", f"not an arm's name: {show(value)}", hint)
    return value


ArmName = Annotated[str, Reads(_arm_name, {"type": "string", "pattern": f"^{ARM_NAME.pattern}$"})]


def _host(value: Any) -> str:
    if not isinstance(value, str) or not HOST_NAME.fullmatch(value):
        raise refuse(
            "MP2104", f"a target must be a host name or address, found {show(value)}", "leave scheme and path out"
        )
    return value


Host = Annotated[str, Reads(_host, {"type": "string"})]
CpuNumber = Annotated[int, whole_between(0, 8191, "a CPU number")]


def _cores(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse("MP2104", f"`cpu` must be a number of cores, found {show(value)}", "write for example 0.5")
    if not 0.01 <= value <= 8192:
        raise refuse("MP2103", f"`cpu` must be from 0.01 to 8192 cores, found {show(value)}")
    return float(value)


def _graph(value: Any) -> str:
    if isinstance(value, str) and is_graph_file(value) and "\x00" not in value:
        return value
    if value not in (ECHO, *PACKAGED_GRAPHS):
        hint = f"{words_hint(value, (ECHO, *PACKAGED_GRAPHS))}, or a file such as ./my-graph.yaml"
        raise refuse("MP2104", f"unknown workload graph {show(value)}", hint)
    return str(value)


GraphReference = Annotated[
    str, Reads(_graph, {"anyOf": [{"enum": [ECHO, *PACKAGED_GRAPHS]}, {"type": "string", "pattern": _GRAPH_FILE}]})
]


class StallModel(Model):
    stop: Annotated[float, duration_between(1e-3, 60.0, "`stop`")] = Field(
        description="How long the workload answers nothing."
    )
    every: Annotated[float, duration_between(1e-3, 3600.0, "`every`")] = Field(
        description="From one stop's begin to the next."
    )


class WorkloadModel(Model):
    graph: GraphReference = Field(ECHO, description="The services and who calls whom: a graph by name, or a file.")
    response_bytes: Size = Field(1024, description="Size of each reply's body.")
    service_time: ServiceTime | None = Field(None, description="How long each request takes at the service.")
    busy: Switch = Field(False, description="Spend the service time computing instead of waiting.")
    status: dict[Status, Share] = Field(
        {}, json_schema_extra=CLOSED, description="Share of replies with another status than 200."
    )
    stall: StallModel | None = Field(None, description="Stop answering for a while, again and again.")


class ClientLibraryModel(Model):
    mtls: Switch = Field(False, description="Mutual TLS by client and service themselves.")


ROUTE_MATCHES = ("first", "last")
POD_GROUPS = ("client", "server", "control-plane")


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise refuse("MP2104", f"a setting of the control plane must be text, found {show(value)}", "put it in quotes")
    return str(value)


Setting = Annotated[str, Reads(_setting, {"type": ["string", "number", "boolean"]})]


class FunctionsModel(Model):
    authorization_rules: Annotated[int, whole_between(0, 10_000, "`authorization_rules`")] = Field(
        0, description="Rules that every request is held against; the last one admits it."
    )
    routes: Annotated[int, whole_between(1, 100_000, "`routes`")] = Field(1, description="Routes in the table.")
    route_match: Annotated[str, word("value of `route_match`", ROUTE_MATCHES)] = Field(
        "first", description="Where in the table the route that the load takes stands."
    )
    split: list[Annotated[int, whole_between(1, 1_000_000, "a weight of `split`")]] = Field(
        [], max_length=64, description="Weights of a traffic split over as many subsets of the same endpoints."
    )
    retries: Annotated[int, whole_between(0, 100, "`retries`")] = Field(
        0, description="How often the proxy repeats a failed request."
    )
    timeout: Annotated[float, duration_between(1e-3, 3600.0, "`timeout`")] | None = Field(
        None, description="After how long the proxy gives a request up."
    )
    rate_limit: Rate | None = Field(None, description="Requests per second that the service's sidecar lets in.")
    metrics: Switch = Field(False, description="Request metrics are scraped every second.")
    tracing: Switch = Field(False, description="Tracing headers are made and passed on.")


class LimitsModel(Model):
    cpu: Annotated[float, Reads(_cores, {"type": "number", "exclusiveMinimum": 0, "maximum": 8192})] | None = Field(
        None, description="Cores."
    )
    memory: Size | None = Field(None, description="Private memory, such as 256MB.")


PodGroup = Annotated[str, word("pod group", POD_GROUPS)]


class ArmModel(Model):
    mesh: Annotated[str, word("mesh", KNOWN_MESHES, code="MP2106")] = Field(description="The mesh, or none.")
    mtls: Annotated[str, word("value of `mtls`", ("off", "strict"))] = Field(
        "off", description="Mutual TLS between the sidecars."
    )
    proxy_concurrency: Annotated[int, whole_between(1, 1024, "`proxy_concurrency`")] = Field(
        1, description="Proxy worker threads."
    )
    access_log: Switch = Field(False, description="Write an access log.")
    mode: Annotated[str, word("mode", ("http", "tcp"))] = Field("http", description="Whether the proxy parses HTTP.")
    proxies: Annotated[str, word("value of `proxies`", ("both", "client", "server"))] = Field(
        "both", description="Which sidecars the load passes: the caller's, the service's, or both."
    )
    client_library: ClientLibraryModel | None = Field(None, description="What the application does itself.")
    functions: FunctionsModel = Field(
        default_factory=lambda: FunctionsModel.model_validate({}),
        description="What the mesh does beside carrying requests; each is off unless written.",
    )
    defaults: Annotated[str, word("value of `defaults`", ("equal", "mesh"))] = Field(
        "equal", description="Settings that are the same for every mesh, or those that this mesh ships with."
    )
    interception: Annotated[str, word("value of `interception`", ("explicit", "transparent"))] | None = Field(
        None, description="Whether the caller dials its sidecar, or is redirected to it."
    )
    control_plane: dict[Text, Setting] = Field({}, description="Settings of the control plane in the mesh's own words.")
    clusters: Annotated[int, whole_between(1, 2, "`clusters`")] = Field(
        1, description="2: the service is in another cluster, behind gateways."
    )
    link_delay: Annotated[float, duration_between(0.0, 10.0, "`link_delay`")] = Field(
        0.0, description="Added one way on the link between client and service."
    )
    limits: dict[PodGroup, LimitsModel] = Field(
        {}, json_schema_extra=CLOSED, description="CPU and memory of the pods, as a node type allows them."
    )
    binaries: dict[Text, Text] = Field({}, description="Programs of the mesh by name, relative to the file.")
    envoy: Text | None = Field(None, description="Path of the Envoy binary, relative to the file.")
    client_bootstrap: Text | None = Field(None, description="Envoy configuration template of the client's sidecar.")
    server_bootstrap: Text | None = Field(None, description="Envoy configuration template of the service's sidecar.")


class CpusModel(Model):
    generator: list[CpuNumber] = Field(min_length=1, description="CPUs of the load generator.")
    measured: list[CpuNumber] = Field(min_length=1, description="CPUs of workload and proxies.")


class MatrixModel(Model):
    arm: Text | None = Field(None, description="The arm that is varied; all arms when left out, in cells of their own.")
    vary: dict[Text, list[Any]] = Field(
        min_length=1, description="Values by setting; `functions.routes` reaches into a mapping."
    )


class ExperimentModel(Model):
    """An experiment: arms, load points and rounds on one environment and workload."""

    experiment: Text = Field(description="Name of the experiment.")
    subject: Subject = Field(description="What may differ between the arms.")
    environment: Annotated[str, word("environment", ("local", "netns"), later=("kubernetes",))] = Field(
        "local", description="Where it runs."
    )
    cpus: CpusModel | None = Field(None, description="Which CPUs serve what; assigned automatically if left out.")
    workload: WorkloadModel = Field(
        default_factory=lambda: WorkloadModel.model_validate({}), description="The measured service."
    )
    load: list[LoadPointModel] = Field(min_length=1, max_length=100, description="Offered loads.")
    design: Annotated[str, word("design", ("interleaved", "continuous"))] = Field(
        "interleaved", description="Order of measuring."
    )
    slice: Annotated[float, duration_between(0.05, 1.0, "`slice`")] | None = Field(
        None, description="Length of a slice; else a pilot chooses."
    )
    control: Annotated[str, word("control", ("first-round", "every-round"))] = Field(
        "first-round", description="In which rounds each arm is also loaded alone for a continuous stretch."
    )
    rounds: Annotated[int, whole_between(1, 1000, "`rounds`")] = Field(
        6, description="Fresh deployments of every arm; with `resolution` the most that are made, 60 unless written."
    )
    seed: Annotated[int, whole_between(0, 2**63 - 1, "`seed`")] = Field(
        1, description="Seed of every random order and arrival."
    )
    arms: dict[ArmName, ArmModel] = Field(
        min_length=1, max_length=64, json_schema_extra=CLOSED, description="The compared configurations."
    )
    matrix: list[MatrixModel] | None = Field(None, description="Settings that are varied; each variant is an arm.")
    aa: list[Text] = Field([], description="Arms deployed twice, for the noise floor.")
    objectives: list[ObjectiveText] = Field([], description="Bounds that a gate holds the candidate arms to.")
    margins: dict[MarginMetric, Margin] = Field(
        {}, json_schema_extra=CLOSED, description="Relative differences that count as none."
    )
    resolution: dict[ResolutionMetric, HalfWidth] = Field(
        {}, json_schema_extra=CLOSED, description="Half-widths that intervals are to have; a pilot plans the rounds."
    )
    absolute_floors: AbsoluteFloorsModel = Field(
        default_factory=lambda: AbsoluteFloorsModel.model_validate({}),
        description="Added amounts that count as none, whatever their share.",
    )
    allow_targets: list[Host] = Field([], description="Hosts outside loopback that may be put under load.")
