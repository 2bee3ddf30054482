"""The command line: one module a verb, loaded when that verb is asked for.

`meshperf --help` must be quick, so nothing heavy is imported here: the verbs and their one-line descriptions are a
table, and a verb's module is imported only to run it or to print its own help.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence

import click

from meshperf import __version__
from meshperf.errors import ExitCode, MeshperfError

__all__ = ["VERBS", "main"]

VERBS: dict[str, tuple[str, str]] = {
    "run": ("run", "Run an experiment or an SMP test file and judge it."),
    "load": ("load", "One load test against one URL."),
    "capture": ("capture", "Facts of this machine."),
    "doctor": ("doctor", "What is installed, how noisy this machine is, what it can resolve."),
    "lab": ("lab", "A mesh on this machine for exploring; build the programs of meshes."),
    "import": ("import_results", "Read results of other tools: SMP documents, and into the store."),
    "convert": ("convert", "Write an SMP document in another dialect."),
    "validate": ("validate", "Check experiment and result files."),
    "verify": ("verify", "Check a bundle's digests and derive its figures again."),
    "list": ("list_results", "Stored experiments."),
    "show": ("show", "One stored experiment or bundle, in the terminal."),
    "compare": ("compare", "Compare bundles, stored results, result documents and other tools' files."),
    "gate": ("gate", "Hold results to objectives and margins from a file."),
    "report": ("report", "Write the report of a stored experiment or bundle."),
    "cost": ("cost", "Money per million requests, and what an arm adds to a fleet."),
    "meshmark": ("meshmark", "MeshMark-R: one number for a mesh's cost, with its vector."),
    "predict": ("predict", "Foretell what a mesh adds to a call graph from a price list; check it afterwards."),
    "history": ("history", "An experiment's figures over time: since when, and by how much."),
    "export": ("export", "Write results in other tools' formats."),
    "schema": ("schema", "JSON Schema of the documents."),
}
"""Verb to module and description, in the order of the help."""


class LazyGroup(click.Group):
    """A group that imports a verb's module when that verb is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"meshperf.cli.{VERBS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # here already: click would make exit code 1 of it, which is a gate's
            return _reader_gone()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, description) for name, (_, description) in VERBS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `meshperf doctor`, then `meshperf run examples/quickstart.yaml`.",
)
@click.version_option(__version__, prog_name="meshperf")
def group() -> None:
    """What does a service mesh cost, in your environment? Describe, capture and compare, apples to apples."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; an unexpected exception is MP5202 and exits 5, never 1."""
    # What asks us to end wants the same order as Ctrl-C: processes ended, scratch removed, finished rounds kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = group.main(args=None if arguments is None else list(arguments), standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        return ExitCode.INTERRUPTED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as shown:
        shown.show()
        return ExitCode.USAGE
    except click.ClickException as problem:
        click.echo(f"error[MP1001]: {problem.format_message()}", err=True)
        if isinstance(problem, click.UsageError) and problem.ctx is not None:
            click.echo(f"\nhint: see `{problem.ctx.command_path} --help`", err=True)
        return ExitCode.USAGE
    except MeshperfError as error:
        click.echo(str(error), err=True)
        return error.exit_code
    except BrokenPipeError:
        return _reader_gone()
    except Exception as unexpected:
        return _internal(unexpected)
    return result if isinstance(result, int) else ExitCode.OK


def _reader_gone() -> int:
    """The reader of our output went away (`meshperf list | head`): nothing more to say, and nothing to complain of."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.OK


def _internal(unexpected: Exception) -> int:
    import traceback

    if os.environ.get("MESHPERF_DEBUG"):
        traceback.print_exception(unexpected)
    place = traceback.extract_tb(unexpected.__traceback__)[-1]
    click.echo(
        f"error[MP5202]: an internal error: {type(unexpected).__name__}: {unexpected}"
        f" ({place.name}, line {place.lineno})"
        "\n\nhint: this is a defect of meshperf; set MESHPERF_DEBUG=1 for the traceback and report it",
        err=True,
    )
    return ExitCode.NOT_MEASURED
