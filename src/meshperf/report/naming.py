"""Arms of a development build, named so wherever they are shown: `istio (istio-dev, no telemetry)`.

What nobody released, or what runs without parts that its users have, must not be taken for the product. So the label
that such a mesh has among its facts (`mesh.label`) is written into the arm's name before anything is laid out: then no
table, chart or sentence can leave it out. Data files keep the names of the experiment; the facts are in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, TypeVar

from meshperf.analysis.records import Comparison
from meshperf.spec.propagation import PropagationRun
from meshperf.spec.records import Facts, RunResult

__all__ = ["footnote", "labelled", "labelled_run", "labelled_study", "labels"]

_RELEASE, _LABEL, _DEVELOPMENT = "mesh.release", "mesh.label", "development"
_NAMING = frozenset({"arm", "against", "resident", "baseline"})
"""Fields of the records of an analysis that hold an arm's name, or its twin's (`istio#2`)."""

Record = TypeVar("Record")


class _Told(Protocol):
    """What has an arm and its facts: a run, or a deployment of a control plane study."""

    @property
    def arm(self) -> str: ...

    @property
    def facts(self) -> Facts: ...


def labels(runs: Iterable[_Told]) -> Mapping[str, str]:
    """Label by arm, of the arms that need one."""
    found = {}
    for run in runs:
        release, label = run.facts.get(_RELEASE), run.facts.get(_LABEL)
        if release is not None and release.value == _DEVELOPMENT and label is not None and label.known:
            found[run.arm] = str(label.value)
    return found


def labelled(comparison: Comparison) -> Comparison:
    """A comparison in which every arm that needs a label carries it in its name."""
    names = {
        summary.arm: f"{summary.arm} ({summary.brings[_LABEL]})"
        for summary in comparison.arms
        if summary.brings.get(_RELEASE) == _DEVELOPMENT and summary.brings.get(_LABEL)
    }
    return _named(comparison, names) if names else comparison


def labelled_run(run: RunResult) -> RunResult:
    """A run whose arm carries its label, and the other arms of its round as they are."""
    label = labels((run,)).get(run.arm)
    if label is None:
        return run
    names = {run.arm: f"{run.arm} ({label})"}
    design = replace(
        run.design,
        residents=tuple(_name(name, names) for name in run.design.residents),
        order=tuple(_name(name, names) for name in run.design.order),
    )
    return replace(run, arm=names[run.arm], design=design)


def labelled_study(runs: Sequence[PropagationRun]) -> Sequence[PropagationRun]:
    """Deployments of a control plane study whose arms carry their labels."""
    found = labels(runs)
    return [replace(run, arm=f"{run.arm} ({found[run.arm]})") if run.arm in found else run for run in runs]


def footnote(runs: Sequence[_Told]) -> str:
    """What a label says, for the foot of a report; empty where no arm has one."""
    found = labels(runs)
    if not found:
        return ""
    told = "; ".join(f"{arm} is {label}" for arm, label in sorted(found.items()))
    return (
        f"{told}: a development build, or one that was changed to start here. Against release builds its figures are "
        "indicative only (class D), and they say nothing certain about the released product."
    )


def _named(record: Record, names: Mapping[str, str]) -> Record:
    """The record with every name in it replaced, at any depth."""
    assert is_dataclass(record) and not isinstance(record, type)
    changed = {}
    for item in fields(record):
        value = getattr(record, item.name)
        new = _name(value, names) if item.name in _NAMING and isinstance(value, str) else _inside(value, names)
        if new is not value:
            changed[item.name] = new
    return replace(record, **changed) if changed else record


def _inside(value: Any, names: Mapping[str, str]) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _named(value, names)
    if isinstance(value, tuple):
        new = tuple(_inside(item, names) for item in value)
        return new if any(a is not b for a, b in zip(new, value, strict=True)) else value
    return value


def _name(name: str, names: Mapping[str, str]) -> str:
    arm, twin, number = name.partition("#")
    return f"{names[arm]}{twin}{number}" if arm in names else name
