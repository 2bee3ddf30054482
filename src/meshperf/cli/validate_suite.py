"""`meshperf validate --suite`: the conformance cases through our reader, or another writer's files against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshperf.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from meshperf.spec.conformance import Outcome

__all__ = ["run_suite"]


def run_suite(folder: Path | None, writer_output: Path | None, *, as_json: bool) -> int:
    """Run the cases in `folder`, those of meshperf without it, and print what did not hold.

    Raises:
        DocumentError: the cases cannot be read.
        UsageError: there are no files of a writer to judge.
    """
    from meshperf.spec.conformance import CASES, cases, judge_reader, judge_writer

    suite = cases(CASES if folder is None else folder)
    if writer_output is None:
        outcomes = [judge_reader(case) for case in suite]
    else:
        outcomes = [outcome for case in suite for outcome in judge_writer(case, writer_output)]
        if not outcomes:
            hint = f"write for example {suite[0].name}.extended.json; see the README beside the cases in {CASES}"
            raise UsageError("MP1001", f"no file in {writer_output} is one of a case and a dialect", hint=hint)
    click.echo(_as_json(outcomes) if as_json else _as_text(outcomes))
    return ExitCode.OK if all(outcome.ok for outcome in outcomes) else ExitCode.USAGE


def _as_json(outcomes: list[Outcome]) -> str:
    listed = [{"case": one.case, "title": one.title, "ok": one.ok, "found": one.found} for one in outcomes]
    return json.dumps(listed, indent=2, ensure_ascii=False)


def _as_text(outcomes: list[Outcome]) -> str:
    lines = []
    for one in outcomes:
        lines.append(f"{'ok   ' if one.ok else 'WRONG'}  {one.case}  {one.title}")
        if not one.ok:
            lines.append(f"       {one.found}")
    held = sum(one.ok for one in outcomes)
    return "\n".join([*lines, f"{held} of {len(outcomes)} held"])
