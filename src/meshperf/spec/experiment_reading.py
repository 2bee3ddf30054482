"""A document to an `Experiment`: checked against the model and the rules, then turned into records in SI units."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from meshperf.spec.document import Document, raise_all
from meshperf.spec.experiment import (
    DEFAULT_MARGINS,
    Arm,
    ClientLibrary,
    Experiment,
    LoadPoint,
    Workload,
)
from meshperf.spec.experiment_model import ArmModel, ExperimentModel, LoadPointModel, WorkloadModel
from meshperf.spec.experiment_rules import rule_problems
from meshperf.spec.objectives import parse_objective
from meshperf.spec.problems import problems_of

__all__ = ["experiment_from_document"]


def experiment_from_document(document: Document, *, files_beside: bool = True) -> Experiment:
    """An experiment file's or an SMP test file's experiment.

    Raises:
        DocumentError: every problem of the document at once.
    """
    from meshperf.spec.envelope import experiment_from_envelope, is_envelope

    if is_envelope(document.data):
        return experiment_from_envelope(document)
    if not isinstance(document.data, dict):
        hint = "an experiment begins with `experiment: <name>`; see examples/quickstart.yaml"
        raise document.error("MP2104", "the document must be a mapping of keys to values", hint=hint)
    problems = rule_problems(document, files_beside=files_beside)
    try:
        model = ExperimentModel.model_validate(document.data)
    except ValidationError as error:
        raise_all([*problems_of(error, document, ExperimentModel), *problems])
        raise
    raise_all(problems)
    return _experiment(model, document)


def _experiment(model: ExperimentModel, document: Document) -> Experiment:
    folder = (document.path.parent if document.path is not None else Path()).absolute()
    return Experiment(
        name=model.experiment,
        subject=model.subject,
        environment=model.environment,
        cpus=None
        if model.cpus is None
        else {"generator": tuple(model.cpus.generator), "measured": tuple(model.cpus.measured)},
        workload=_workload(model.workload),
        load=tuple(_load_point(point) for point in model.load),
        design=model.design,
        slice_s=model.slice,
        rounds=model.rounds,
        seed=model.seed,
        arms={name: _arm(name, arm, folder) for name, arm in model.arms.items()},
        aa=tuple(model.aa),
        objectives=tuple(parse_objective(text) for text in model.objectives),
        margins={**DEFAULT_MARGINS, **model.margins},
        allow_targets=tuple(model.allow_targets),
        path=document.path,
        digest=document.digest,
    )


def _workload(model: WorkloadModel) -> Workload:
    return Workload(
        graph=model.graph,
        response_bytes=model.response_bytes,
        service_time=model.service_time,
        busy=model.busy,
        status=dict(model.status),
        stall=None if model.stall is None else (model.stall.stop, model.stall.every),
    )


def _load_point(model: LoadPointModel) -> LoadPoint:
    return LoadPoint(
        protocol=model.protocol,
        rate=model.rate,
        connections=model.connections,
        arrivals=model.arrivals,
        warmup_s=model.warmup,
        duration_s=model.duration,
        timeout_s=model.timeout,
        generator=model.generator,
        method=model.method,
        path=model.path,
        headers=model.headers,
        body=model.body.encode(),
    )


def _arm(name: str, model: ArmModel, folder: Path) -> Arm:
    def beside(text: str | None) -> Path | None:
        return None if text is None else folder / text

    return Arm(
        name=name,
        mesh=model.mesh,
        mtls=model.mtls,
        proxy_concurrency=model.proxy_concurrency,
        access_log=model.access_log,
        mode=model.mode,
        client_library=None if model.client_library is None else ClientLibrary(mtls=model.client_library.mtls),
        envoy_path=beside(model.envoy),
        client_bootstrap=beside(model.client_bootstrap),
        server_bootstrap=beside(model.server_bootstrap),
    )
