"""`meshperf compare --calibration`: rules that let results of tried generators stand side by side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from meshperf.analysis import Rules, calibrated_rules, calibration_from_document
from meshperf.cli.compare_sources import Source
from meshperf.errors import DocumentError
from meshperf.spec.reader import read_document

__all__ = ["rules_with_calibration"]

_FACTS = ("load.generator", "load.generator_version")


def rules_with_calibration(rules: Rules, file: Path | None, sources: Iterable[Source]) -> Rules:
    """The rules as they are, or with those of the generator given way to the calibration in `file`.

    Raises:
        DocumentError: the file cannot be read, or is no calibration.
        ComparisonError: MP4001, a generator of the sources was not tried.
    """
    if file is None:
        return rules
    document = read_document(file)
    try:
        calibration = calibration_from_document(document.data)
    except DocumentError as error:
        raise document.error(error.code, error.message, error.location.pointer, hint=error.hint) from None
    used = {tuple(_told(run.facts.get(path)) for path in _FACTS) for source in sources for run in source.runs}
    return calibrated_rules(rules, calibration, [(name, version) for name, version in sorted(used)])


def _told(fact: object) -> str:
    value = getattr(fact, "value", None)
    return "" if value is None else str(value)
