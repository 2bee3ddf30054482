"""The user's own files that a bundle's experiment deploys: Envoy configuration templates, and the workload graph.

They are copied when the bundle begins, and deployed from there. A file may be edited while an experiment runs. Every
round must use the same text, and whoever reads the bundle must see which; so the copies are what is deployed, and a
file that changed is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from meshperf.errors import DocumentError, Location
from meshperf.experiment.bundle_ledger import Ledger
from meshperf.experiment.bundle_reading import GRAPH, TEMPLATES
from meshperf.spec.experiment import Arm, Experiment, Workload
from meshperf.spec.graph_reading import read_graph
from meshperf.spec.graph_workload import with_graph

__all__ = ["keep_templates", "with_kept_templates"]


def keep_templates(files: Ledger, experiment: Experiment) -> None:
    """Copy the graph's document, and every template that an arm names, into the bundle."""
    graph = experiment.workload.graph_file
    if graph is not None:
        files.write(f"{TEMPLATES}/{GRAPH}", graph.read_bytes())
    for arm in experiment.arms.values():
        for field, template in _named(arm):
            files.write(_copy(arm, field), template.read_bytes())


def with_kept_templates(experiment: Experiment, bundle: Path) -> Experiment:
    """The experiment with its graph and its arms' templates taken from the bundle.

    Raises:
        DocumentError: MP2304, a template or the graph is not the one that the bundle was begun with.
    """
    arms = {name: _kept(arm, bundle) for name, arm in experiment.arms.items()}
    return replace(experiment, arms=arms, workload=_kept_graph(experiment.workload, bundle))


def _kept_graph(workload: Workload, bundle: Path) -> Workload:
    if workload.graph_file is None:
        return workload
    copy = bundle / TEMPLATES / GRAPH
    if copy.read_bytes() != workload.graph_file.read_bytes():
        raise DocumentError(
            "MP2304",
            f"the workload graph {workload.graph} changed since the bundle was begun",
            location=Location(path=workload.graph_file),
            hint=f"put the text of {copy} back, or begin anew with another --out",
        )
    return with_graph(replace(workload, graph_file=copy), read_graph(copy))


def _kept(arm: Arm, bundle: Path) -> Arm:
    kept: dict[str, Path] = {}
    for field, template in _named(arm):
        copy = bundle / _copy(arm, field)
        if copy.read_bytes() != template.read_bytes():
            raise DocumentError(
                "MP2304",
                f"the {field.replace('_', ' ')} template of arm `{arm.name}` changed since the bundle was begun",
                location=Location(path=template),
                hint=f"put the text of {copy} back, or begin anew with another --out",
            )
        kept[field] = copy
    return replace(arm, client_bootstrap=kept.get("client_bootstrap"), server_bootstrap=kept.get("server_bootstrap"))


def _named(arm: Arm) -> Iterator[tuple[str, Path]]:
    for field in ("client_bootstrap", "server_bootstrap"):
        template: Path | None = getattr(arm, field)
        if template is not None:
            yield field, template


def _copy(arm: Arm, field: str) -> str:
    return f"{TEMPLATES}/{arm.name}-{field.removesuffix('_bootstrap')}.yaml"
