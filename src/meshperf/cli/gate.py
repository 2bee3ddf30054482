"""`meshperf gate`: hold results to objectives and margins from a file; exit code 1 where one is broken."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]

_File = click.Path(path_type=Path, dir_okay=False)


@click.command(name="gate")
@click.argument("references", metavar="A [B]", nargs=-1, required=True)
@click.option(
    "--against", "file", type=click.Path(path_type=Path), required=True, metavar="FILE", help="What is asked."
)
@click.option(
    "--rules", type=click.Path(path_type=Path), metavar="FILE", help="Rules of comparability to lay over ours."
)
@click.option("--junit", type=_File, metavar="FILE", help="Write what came of it as JUnit XML.")
@click.option("--sarif", type=_File, metavar="FILE", help="Write it as SARIF 2.1.0.")
@click.option("--summary", type=_File, metavar="FILE", help="Write it as Markdown, for the page of a build step.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def command(
    references: tuple[str, ...],
    file: Path,
    rules: Path | None,
    junit: Path | None,
    sarif: Path | None,
    summary: Path | None,
    as_json: bool,
) -> int:
    """Hold results to the objectives and non-inferiority margins of a file.

    A alone: its candidates against their own baseline. A and B: B against A, so A is what stands and B what is to come.
    Each is a bundle, a stored id, a result document or a file of another tool, with `#ARM` behind it for one arm.
    Exit code 1: something is broken, with the reason. 4: nothing is broken, but something could not be tried. 0: all
    of it holds, or what does not is undecided.

    \b
    Examples:
      meshperf gate results/first --against gate.yaml --junit gate.xml
      meshperf gate results/main results/change --against gate.yaml --summary "$GITHUB_STEP_SUMMARY"
      meshperf gate run.json --against objectives.yaml
    """
    from meshperf.cli.gate_run import run_gate

    outputs = {"junit": junit, "sarif": sarif, "summary": summary}
    return run_gate(references, file, rules_file=rules, outputs=outputs, as_json=as_json)
