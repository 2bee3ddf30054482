"""A document to an `Experiment`: checked against the model and the rules, then turned into records in SI units."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from meshperf.spec.document import Document, raise_all
from meshperf.spec.experiment import (
    DEFAULT_MARGINS,
    Arm,
    ClientLibrary,
    Experiment,
    Functions,
    Limits,
    LoadPoint,
    Workload,
)
from meshperf.spec.experiment_load import GrpcRequest
from meshperf.spec.experiment_load_model import GrpcModel, LoadPointModel
from meshperf.spec.experiment_matrix import expand_matrix
from meshperf.spec.experiment_model import ArmModel, ExperimentModel, FunctionsModel, WorkloadModel
from meshperf.spec.experiment_rules import rule_problems
from meshperf.spec.graph_packaged import ECHO
from meshperf.spec.graph_workload import graph_workload
from meshperf.spec.load_files import DEFAULT_MESSAGE, message_of, read_trace
from meshperf.spec.objectives import parse_objective
from meshperf.spec.problems import problems_of
from meshperf.spec.resolution import MOST_PLANNED_ROUNDS

__all__ = ["arm_of", "experiment_from_document"]


def experiment_from_document(document: Document, *, files_beside: bool = True) -> Experiment:
    """An experiment file's or an SMP test file's experiment.

    Raises:
        DocumentError: every problem of the document at once.
    """
    from meshperf.spec.envelope import experiment_from_envelope, is_envelope

    if is_envelope(document.data):
        return experiment_from_envelope(document, files_beside=files_beside)
    written = document
    expanded = expand_matrix(document)
    document = expanded.document
    if not isinstance(document.data, dict):
        hint = "an experiment begins with `experiment: <name>`; see examples/quickstart.yaml"
        raise document.error("MP2104", "the document must be a mapping of keys to values", hint=hint)
    problems = rule_problems(document, files_beside=files_beside, cells=expanded.cells)
    try:
        model = ExperimentModel.model_validate(document.data)
    except ValidationError as error:
        raise_all([*problems_of(error, document, ExperimentModel), *problems])
        raise
    raise_all(problems)
    return _experiment(model, written, expanded.cells, files_beside=files_beside)


def _experiment(
    model: ExperimentModel, document: Document, cells: Mapping[str, str], *, files_beside: bool
) -> Experiment:
    folder = (document.path.parent if document.path is not None else Path()).absolute()
    return Experiment(
        name=model.experiment,
        subject=model.subject,
        environment=model.environment,
        cpus=None
        if model.cpus is None
        else {"generator": tuple(model.cpus.generator), "measured": tuple(model.cpus.measured)},
        workload=_workload(model.workload, folder, files_beside=files_beside),
        load=tuple(_load_point(point, folder, files_beside=files_beside) for point in model.load),
        design=model.design,
        slice_s=model.slice,
        control=model.control,
        rounds=_rounds(model),
        seed=model.seed,
        arms={name: arm_of(name, arm, folder, cells.get(name, "")) for name, arm in model.arms.items()},
        aa=tuple(model.aa),
        objectives=tuple(parse_objective(text) for text in model.objectives),
        margins={**DEFAULT_MARGINS, **model.margins},
        resolution=dict(model.resolution),
        absolute_floors=model.absolute_floors.by_metric(),
        allow_targets=tuple(model.allow_targets),
        path=document.path,
        digest=document.digest,
    )


def _rounds(model: ExperimentModel) -> int:
    """How many are made; with a resolution, the most that are."""
    return MOST_PLANNED_ROUNDS if model.resolution and "rounds" not in model.model_fields_set else model.rounds


def _workload(model: WorkloadModel, folder: Path, *, files_beside: bool) -> Workload:
    if model.graph != ECHO:
        return graph_workload(model.graph, folder, files_beside=files_beside)
    return Workload(
        graph=model.graph,
        response_bytes=model.response_bytes,
        service_time=model.service_time,
        busy=model.busy,
        status=dict(model.status),
        stall=None if model.stall is None else (model.stall.stop, model.stall.every),
    )


def _load_point(model: LoadPointModel, folder: Path, *, files_beside: bool) -> LoadPoint:
    return LoadPoint(
        protocol=model.protocol,
        rate=model.rate,
        rate_end=model.rate_end,
        arrivals=model.arrivals,
        trace_s=_trace(model, folder, files_beside=files_beside),
        quantum_s=model.quantum,
        in_flight=model.in_flight,
        think_s=model.think,
        connections=model.connections,
        max_connections=model.max_connections,
        streams=model.streams,
        pooling=model.pooling,
        selection=model.selection,
        requests_per_connection=model.requests_per_connection,
        connection_age_s=model.connection_age,
        follow_redirects=model.follow_redirects,
        warmup_s=model.warmup,
        duration_s=model.duration,
        timeout_s=model.timeout,
        generator=model.generator,
        receive_clock=model.receive_clock,
        method=model.method,
        path=model.path,
        headers=model.headers,
        body=_body(model, folder, files_beside=files_beside),
        reply_bytes=model.reply_bytes,
        grpc=_grpc(model, folder),
    )


def _trace(model: LoadPointModel, folder: Path, *, files_beside: bool) -> tuple[float, ...]:
    if not isinstance(model.trace, str):
        return model.trace or ()
    # A bundle's copy of the experiment stands alone: what was due then is in the results.
    return read_trace(folder / model.trace) if files_beside else ()


def _body(model: LoadPointModel, folder: Path, *, files_beside: bool) -> bytes:
    if model.body_file is not None:
        return (folder / model.body_file).read_bytes() if files_beside else b""
    if model.message_bytes is not None:
        return message_of(model.message_bytes)
    if model.body_base64:
        return model.body_base64
    return model.body.encode() or (message_of(DEFAULT_MESSAGE) if model.protocol in ("tcp", "udp") else b"")


def _grpc(model: LoadPointModel, folder: Path) -> GrpcRequest | None:
    if model.protocol != "grpc":
        return None
    asked = model.grpc or GrpcModel.model_validate({})
    return GrpcRequest(
        call=asked.call,
        messages=tuple(asked.messages),
        proto=None if asked.proto is None else folder / asked.proto,
        descriptor_set=None if asked.descriptor_set is None else folder / asked.descriptor_set,
        import_paths=tuple(folder / path for path in asked.import_paths),
    )


def arm_of(name: str, model: ArmModel, folder: Path, cell: str = "") -> Arm:
    """An arm's record; paths are taken from `folder`."""

    def beside(text: str | None) -> Path | None:
        return None if text is None else folder / text

    return Arm(
        name=name,
        mesh=model.mesh,
        mtls=model.mtls,
        proxy_concurrency=model.proxy_concurrency,
        access_log=model.access_log,
        mode=model.mode,
        proxies=model.proxies,
        client_library=None if model.client_library is None else ClientLibrary(mtls=model.client_library.mtls),
        cell=cell,
        functions=_functions(model.functions),
        defaults=model.defaults,
        interception=model.interception,
        control_plane=dict(model.control_plane),
        clusters=model.clusters,
        link_delay_s=model.link_delay,
        limits={group: Limits(cpu=one.cpu, memory=one.memory) for group, one in model.limits.items()},
        binaries={name: folder / path for name, path in model.binaries.items()},
        envoy_path=beside(model.envoy),
        client_bootstrap=beside(model.client_bootstrap),
        server_bootstrap=beside(model.server_bootstrap),
    )


def _functions(model: FunctionsModel) -> Functions:
    return Functions(
        authorization_rules=model.authorization_rules,
        routes=model.routes,
        route_match=model.route_match,
        split=tuple(model.split),
        retries=model.retries,
        timeout_s=model.timeout,
        rate_limit=model.rate_limit,
        metrics=model.metrics,
        tracing=model.tracing,
    )
