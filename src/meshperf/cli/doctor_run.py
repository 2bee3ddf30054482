"""The phases of `meshperf doctor`: parts, meshes, noise, A/A; each finding says what it unlocks or what to do."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from meshperf.cli.output import consoles, state_dir
from meshperf.errors import ExitCode, MeshperfError, UsageError
from meshperf.load.native import build_profile
from meshperf.meshes import mesh_names, open_mesh
from meshperf.spec.records import NoiseReading
from meshperf.telemetry import NodeSampler, noise_guards, shown
from meshperf.workloads import executable

__all__ = ["Finding", "run_doctor"]

_NOISE_S = 2.0
_PROVEN = {None: "", True: "yes", False: "[yellow]unproven[/]"}
_MODULES = {
    "cryptography": ("certificates of the lab", "meshperf[lab]"),
    "altair": ("charts in reports", "meshperf[charts]"),
    "vl_convert": ("charts as SVG and PNG", "meshperf[charts]"),
}
_TOOLS = {
    "wrk": "the speed benchmark beside it",
    "fortio": "the speed benchmark beside it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `state`: ok, missing or noisy."""

    what: str
    state: str
    detail: str
    unlocks: str = ""
    required: bool = False
    proven: bool | None = None
    """Of a mesh: False where its adapter was never run against the real one; None: not a mesh."""


def run_doctor(*, measure: bool, rate: float, as_json: bool) -> int:
    """Look, measure, print. Returns 3 when a required part is missing, else 0."""
    if not 0 < rate < float("inf"):
        raise UsageError("MP1001", f"--rate must be a number greater than 0, found {rate}")
    to_show, to_tell = consoles()
    findings = [*_parts(), *_meshes(), *_extras(), *_tools()]
    missing = any(finding.required and finding.state != "ok" for finding in findings)
    document: dict[str, object] = {}
    if measure and not missing:
        from meshperf.experiment.aa_test import resolution

        to_tell.print(f"listening to the machine for {_NOISE_S:.0f} s")
        noise = _noise()
        findings += _noise_findings(noise)
        to_tell.print("A/A test: the same workload against itself, three fresh deployments, about 20 s")
        seen = resolution(state_dir=state_dir(), rate=rate)
        findings += [
            Finding(
                what=f"A/A {floor.metric}",
                state="ok" if floor.holds else "noisy",
                detail=f"x{floor.ratio.value:.4f} [{floor.ratio.low:.4f}, {floor.ratio.high:.4f}]",
                unlocks=f"differences above {floor.floor:.1%} can be told from none with three rounds",
            )
            for floor in seen.floors
            if not math.isnan(floor.ratio.low)
        ]
        document["resolution"] = [dataclasses.asdict(floor) for floor in seen.floors]
        document["validity"] = list(seen.reasons)
        findings += [Finding(what="A/A run", state="noisy", detail=reason) for reason in seen.reasons]
    if as_json:
        document["findings"] = [dataclasses.asdict(finding) for finding in findings]
        sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    else:
        _show(findings, to_show)
    return ExitCode.PREREQUISITE if missing else ExitCode.OK


def _parts() -> Sequence[Finding]:
    looks: dict[str, tuple[Callable[[], str], str]] = {
        "engine": (lambda: f"compiled, {build_profile()} build", "load, run"),
        "workload": (lambda: executable().name, "run"),
    }
    return [_part(what, look, unlocks) for what, (look, unlocks) in looks.items()]


def _part(what: str, look: Callable[[], str], unlocks: str) -> Finding:
    try:
        detail = look()
    except MeshperfError as missing:
        detail = f"{missing.message}; {missing.hint}"
        return Finding(what=what, state="missing", detail=detail, unlocks=unlocks, required=True)
    return Finding(
        what=what, state="noisy" if "debug" in detail else "ok", detail=detail, unlocks=unlocks, required=True
    )


def _meshes() -> Sequence[Finding]:
    found = []
    for name in mesh_names():
        detection = open_mesh(name).detect()
        found.append(
            Finding(
                what=f"mesh {name}",
                state="ok" if detection.available else "missing",
                detail=(detection.version if detection.available else detection.missing) or "",
                unlocks=f"arms with `mesh: {name}`",
                proven=detection.proven,
            )
        )
    return found


def _extras() -> Sequence[Finding]:
    return [
        Finding(
            what=f"package {module}",
            state="ok" if importlib.util.find_spec(module) else "missing",
            detail="installed" if importlib.util.find_spec(module) else f"pip install '{extra}'",
            unlocks=unlocks,
        )
        for module, (unlocks, extra) in _MODULES.items()
    ]


def _tools() -> Sequence[Finding]:
    return [
        Finding(
            what=f"tool {tool}",
            state="ok" if shutil.which(tool) else "missing",
            detail="on PATH" if shutil.which(tool) else "optional",
            unlocks=unlocks,
        )
        for tool, unlocks in _TOOLS.items()
    ]


def _noise() -> NoiseReading:
    sampler = NodeSampler()
    sampler.begin()
    time.sleep(_NOISE_S)  # the interval is what is measured
    return sampler.end()


def _noise_findings(noise: NoiseReading) -> Sequence[Finding]:
    guards, _ = noise_guards((noise,))
    return [
        Finding(
            what=guard.guard.replace("_", " "),
            state={"ok": "ok", "unavailable": "missing"}.get(guard.outcome, "noisy"),
            detail=f"unavailable: {guard.unavailable}" if guard.value is None else shown(guard.value, guard.unit),
            unlocks=f"warns above {shown(guard.warn_above, guard.unit)}" if guard.warn_above is not None else "",
        )
        for guard in guards
    ]


def _show(findings: Sequence[Finding], console: Console) -> None:
    table = Table(box=None, header_style="bold")
    for column in ("what", "state", "proven", "found", "for"):
        table.add_column(column, overflow="fold")
    styles = {"ok": "green", "missing": "yellow", "noisy": "red"}
    for finding in findings:
        style = styles[finding.state]
        detail = finding.detail.replace("[", r"\[")
        table.add_row(finding.what, f"[{style}]{finding.state}[/]", _PROVEN[finding.proven], detail, finding.unlocks)
    console.print(table)
