"""Read a control plane study from YAML: `control_plane: <name>` at the top tells it from an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from meshperf.spec.document import Document, raise_all
from meshperf.spec.experiment_load_model import Model
from meshperf.spec.experiment_model import CLOSED, ArmModel, ArmName
from meshperf.spec.experiment_reading import arm_of
from meshperf.spec.problems import problems_of
from meshperf.spec.propagation import PropagationStudy
from meshperf.spec.quantities import Text, duration_between, whole_between, word
from meshperf.spec.reader import read_document

__all__ = ["PropagationModel", "is_propagation", "read_propagation"]

MOST_PROXIES = 200


class PropagationModel(Model):
    """A control plane study: how long changes take to reach proxies, and what the control plane costs."""

    control_plane: Text = Field(description="Name of the study.")
    environment: Annotated[str, word("environment", ("local", "netns"), later=("kubernetes",))] = Field(
        "netns", description="Where it runs."
    )
    proxies: list[Annotated[int, whole_between(1, MOST_PROXIES, "a number of proxies")]] = Field(
        [1, 10], min_length=1, max_length=16, description="Numbers of proxies that are tried."
    )
    services: list[Annotated[int, whole_between(1, 100_000, "a number of services")]] = Field(
        [], max_length=16, description="Numbers of further services, tried with the fewest proxies."
    )
    changes: Annotated[int, whole_between(1, 10_000, "`changes`")] = Field(
        20, description="Changes of each kind in one deployment."
    )
    rounds: Annotated[int, whole_between(1, 1000, "`rounds`")] = Field(3, description="Fresh deployments.")
    rest: Annotated[float, duration_between(0.1, 3600.0, "`rest`")] = Field(
        5.0, description="How long the control plane is watched at rest."
    )
    period: Annotated[float, duration_between(0.0005, 10.0, "`period`")] | None = Field(
        None, description="From one probe of a proxy to the next; else as short as the number of proxies allows."
    )
    deadline: Annotated[float, duration_between(0.1, 3600.0, "`deadline`")] = Field(
        30.0, description="After which a proxy that has not taken a change is given up."
    )
    seed: Annotated[int, whole_between(0, 2**63 - 1, "`seed`")] = Field(1, description="Seed of the random orders.")
    arms: dict[ArmName, ArmModel] = Field(
        min_length=1, max_length=16, json_schema_extra=CLOSED, description="The meshes whose control planes are asked."
    )


def is_propagation(data: Any) -> bool:
    """Whether a document is a control plane study."""
    return isinstance(data, dict) and "control_plane" in data and "experiment" not in data


def read_propagation(path: Path) -> PropagationStudy:
    """Read a study.

    Raises:
        DocumentError: every problem of the file at once.
    """
    document = read_document(path)
    problems = [
        document.error("MP2107", "this arm has no mesh, so no control plane", f"/arms/{name}/mesh")
        for name, arm in _arms(document.data).items()
        if isinstance(arm, dict) and arm.get("mesh") == "none"
    ]
    try:
        model = PropagationModel.model_validate(document.data)
    except ValidationError as error:
        raise_all([*problems_of(error, document, PropagationModel), *problems])
        raise
    raise_all(problems)
    return _study(model, document)


def _arms(data: Any) -> dict[str, Any]:
    arms = data.get("arms") if isinstance(data, dict) else None
    return arms if isinstance(arms, dict) else {}


def _study(model: PropagationModel, document: Document) -> PropagationStudy:
    folder = (document.path.parent if document.path is not None else Path()).absolute()
    return PropagationStudy(
        name=model.control_plane,
        environment=model.environment,
        arms={name: arm_of(name, arm, folder) for name, arm in model.arms.items()},
        proxies=tuple(sorted(set(model.proxies))),
        services=tuple(sorted(set(model.services))),
        changes=model.changes,
        rounds=model.rounds,
        rest_s=model.rest,
        period_s=model.period,
        deadline_s=model.deadline,
        seed=model.seed,
        path=document.path,
        digest=document.digest,
    )
