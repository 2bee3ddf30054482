"""The Envoy configuration templates of a bundle's arms: copied when it begins, and deployed from there.

A template is the user's file and may be edited while an experiment runs. Every round must use the same text, and
whoever reads the bundle must see which; so the copies are what is deployed, and a template that changed is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from meshperf.errors import DocumentError, Location
from meshperf.experiment.bundle_ledger import Ledger
from meshperf.experiment.bundle_reading import TEMPLATES
from meshperf.spec.experiment import Arm, Experiment

__all__ = ["keep_templates", "with_kept_templates"]


def keep_templates(files: Ledger, experiment: Experiment) -> None:
    """Copy every template that an arm names into the bundle."""
    for arm in experiment.arms.values():
        for field, template in _named(arm):
            files.write(_copy(arm, field), template.read_bytes())


def with_kept_templates(experiment: Experiment, bundle: Path) -> Experiment:
    """The experiment with its arms' templates taken from the bundle.

    Raises:
        DocumentError: MP2304, a template is not the one that the bundle was begun with.
    """
    return replace(experiment, arms={name: _kept(arm, bundle) for name, arm in experiment.arms.items()})


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
