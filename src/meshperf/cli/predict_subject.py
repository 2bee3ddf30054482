"""What `meshperf predict --graph` names: a call graph, and the experiment that will measure it where it is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshperf.errors import UsageError
from meshperf.spec.experiment import Arm, Experiment
from meshperf.spec.experiment_reading import experiment_from_document
from meshperf.spec.graph import Graph
from meshperf.spec.graph_packaged import PACKAGED_GRAPHS
from meshperf.spec.graph_reading import graph_from_document, is_graph, packaged_graph
from meshperf.spec.reader import read_document

__all__ = ["PredictionSubject", "candidate", "prediction_subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionSubject:
    """A graph; with the experiment that measures it, its file and the arm that is foretold, where they are known."""

    graph: Graph
    experiment: Experiment | None = None
    file: Path | None = None
    arm: Arm | None = None


def prediction_subject(given: str, arm: str | None) -> PredictionSubject:
    """Read what was named.

    Raises:
        UsageError: MP1001, no such graph or file, an experiment without a graph, or no telling which arm; MP1002, an
            arm beside a graph that belongs to no experiment.
        DocumentError: the file is wrong.
    """
    path = Path(given)
    if given in PACKAGED_GRAPHS:
        return _of_graph(packaged_graph(given), arm)
    if not path.is_file():
        raise UsageError(
            "MP1001",
            f"no graph and no file is named {given!r}",
            hint=f"the package has {', '.join(PACKAGED_GRAPHS)}; or name the file of a graph or of an experiment",
        )
    document = read_document(path)
    if is_graph(document.data):
        return _of_graph(graph_from_document(document), arm)
    experiment = experiment_from_document(document)
    if experiment.workload.services is None or not experiment.arms:
        raise UsageError(
            "MP1001",
            f"{given} measures no call graph, so there is nothing to foretell",
            hint="name an experiment with `workload: {graph: chain}`, or a graph",
        )
    names = [name for name, each in experiment.arms.items() if not each.is_baseline]
    return PredictionSubject(
        graph=experiment.workload.services,
        experiment=experiment,
        file=path,
        arm=experiment.arms[candidate(names, arm)],
    )


def candidate(names: list[str], wanted: str | None) -> str:
    """The candidate arm that was asked for, or the only one.

    Raises:
        UsageError: MP1001, no such arm, or several and none was named.
    """
    told = f"candidate arms: {', '.join(names) or 'none'}"
    if wanted is not None:
        if wanted not in names:
            raise UsageError("MP1001", f"there is no candidate arm {wanted!r}", hint=told)
        return wanted
    if len(names) != 1:
        raise UsageError("MP1001", "which arm does the prediction speak of?", hint=f"name it with --arm; {told}")
    return names[0]


def _of_graph(graph: Graph, arm: str | None) -> PredictionSubject:
    if arm is not None:
        raise UsageError(
            "MP1002",
            "a graph alone has no arms, `--arm` needs the experiment that will measure it",
            hint="name the experiment's file with --graph, or the steps with --steps",
        )
    return PredictionSubject(graph=graph)
