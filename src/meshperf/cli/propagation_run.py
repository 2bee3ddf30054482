"""The phases of `meshperf run` with a control plane study: deploy, watch changes arrive, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from meshperf.analysis import convergences, plane_costs
from meshperf.cli.experiment_run import command_line
from meshperf.cli.output import consoles, state_dir
from meshperf.environments import sweep
from meshperf.environments.local import LocalSite
from meshperf.errors import ExitCode, UsageError
from meshperf.experiment.durable import write_whole
from meshperf.experiment.propagation.study import require_control_planes, run_study
from meshperf.report.propagation import assemble_propagation, show_propagation
from meshperf.spec.propagation import PropagationRun, PropagationStudy
from meshperf.spec.propagation_writing import SmpPlane, mesh_document, run_document

__all__ = ["run_propagation"]

_SHARES = {50.0: "50 %", 90.0: "90 %", 99.0: "99 %"}


def run_propagation(study: PropagationStudy, file: Path, *, out: Path | None, as_json: bool) -> int:
    """Run a control plane study and report it. Returns the exit code: 4 when a change did not arrive everywhere.

    Every deployment's record is written at once, so what was done is there after an interruption.

    Raises:
        UsageError: MP1002, there are results in the folder already; MP1008, a mesh has no control plane to study.
        StorageError, DeploymentError, PrerequisiteError: as their layers say; what was done is kept.
    """
    to_show, to_tell = consoles()
    folder = out or Path("meshperf-out") / study.name
    if (folder / "runs").exists():
        raise UsageError("MP1002", f"{folder} holds results already", hint="choose another folder with --out")
    require_control_planes(study)
    for line in sweep(state_dir()):
        to_tell.print(f"swept up after an earlier run: {line}", markup=False)
    text = file.read_text()
    (folder / "runs").mkdir(parents=True)
    write_whole(folder / "study.yaml", text.encode())
    to_tell.print(f"results go to {folder}", markup=False)
    runs: list[PropagationRun] = []

    def keep(run: PropagationRun) -> None:
        runs.append(run)
        name = f"r{run.round:02d}-{run.arm}-p{run.proxies}-s{run.services}.json"
        write_whole(folder / "runs" / name, _json(run_document(run)))

    run_study(
        study,
        open_site=lambda: LocalSite.open(study.name, None, state_dir(), environment=study.environment),
        on_run=keep,
        told=lambda words: to_tell.print(words, markup=False),
    )
    documents = mesh_documents(study, runs)
    for document in documents:
        write_whole(folder / f"{str(document['id']).replace('/', '-')}.mesh.json", _json(document))
    report = assemble_propagation(study.name, runs, command=command_line(file, quick=False), text=text)
    for path, content in report.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / path, content)
    if as_json:
        click.echo(json.dumps(documents, indent=2))
    else:
        show_propagation(study.name, runs, to_show)
    to_tell.print(f"the report is {folder / 'report.html'}", markup=False)
    return ExitCode.NOT_COMPARABLE if any(run.note for run in runs) else ExitCode.OK


def mesh_documents(study: PropagationStudy, runs: Sequence[PropagationRun]) -> list[dict[str, object]]:
    """SMP's ServiceMeshConfig of every arm with its numbers of proxies and services."""
    found, costs = convergences(runs), plane_costs(runs)
    documents = []
    for key in dict.fromkeys((run.arm, run.proxies, run.services) for run in runs):
        own = [one for one in found if (one.arm, one.proxies, one.services) == key]
        busy = [one for one in costs if (one.arm, one.proxies, one.services, one.stretch) == (*key, "churn")]
        cores = [one.cores.value for one in busy if one.cores is not None]
        memory = [one.private_bytes for one in busy if one.private_bytes is not None]
        documents.append(
            mesh_document(
                SmpPlane(
                    study=study.name,
                    arm=key[0],
                    proxies=key[1],
                    services=key[2],
                    planes=len(busy),
                    cores=sum(cores) if cores else None,
                    private_bytes=sum(memory) if memory else None,
                    reached_s={
                        one.kind: {p: (one.lower[name], one.shares[name].value) for p, name in _SHARES.items()}
                        for one in own
                    },
                    facts=next(run.facts for run in runs if (run.arm, run.proxies, run.services) == key),
                )
            )
        )
    return documents


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
