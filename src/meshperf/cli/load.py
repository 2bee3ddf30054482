"""`meshperf load`: one load test against one URL; an SMP result on stdout with `--json`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

__all__ = ["command"]

_ARRIVALS = ["closed", "constant", "poisson"]
_WAITS = ["auto", "sleep", "hybrid", "spin"]


def _options(function: Callable[..., int]) -> Callable[..., int]:
    """Every option of the verb, in the order of its help."""
    options = [
        click.option("--rate", type=float, help="Offered requests per second (open loop)."),
        click.option("--arrivals", type=click.Choice(_ARRIVALS), help="Default: constant with --rate, else closed."),
        click.option("--connections", type=click.IntRange(1, 65000), default=16, show_default=True),
        click.option("--duration", default="10s", show_default=True, help="Counted time, with its unit."),
        click.option("--warmup", default="1s", show_default=True, help="Sent before it, not counted."),
        click.option("--protocol", type=click.Choice(["http1"]), default="http1", show_default=True),
        click.option("--method", default="GET", show_default=True),
        click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="May be repeated."),
        click.option("--body", type=click.File("rb"), help="File to send as the body."),
        click.option("--timeout", default="10s", show_default=True, help="Per request, from its actual send."),
        click.option("--ca", type=click.Path(path_type=Path), help="PEM certificates to trust (https)."),
        click.option("--cert", type=click.Path(path_type=Path), help="Client certificate, PEM (mutual TLS)."),
        click.option("--key", type=click.Path(path_type=Path), help="Its key, PEM."),
        click.option("--server-name", help="SNI and name to verify (default: the URL's host)."),
        click.option("--server-identity", metavar="SPIFFE-ID", help="URI name the server's certificate must carry."),
        click.option("--insecure", is_flag=True, help="Do not verify the server's certificate."),
        click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Generator threads."),
        click.option("--wait", type=click.Choice(_WAITS), default="auto", show_default=True),
        click.option("--seed", type=int, default=1, show_default=True),
        click.option("--allow-target", "allowed", multiple=True, metavar="HOST", help="Allow a host outside loopback."),
        click.option("--json", "as_json", is_flag=True, help="Print one SMP result document."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.command(
    name="load",
    epilog="Examples:  meshperf load http://127.0.0.1:8080/ --rate 1000 --duration 10s"
    "   ·   meshperf load https://127.0.0.1:8443/ --ca ca.pem --arrivals closed --json",
)
@click.argument("url")
@_options
def command(url: str, **options: object) -> int:
    """Load URL and say what came back, and how truthful the generator was.

    Response times count from when a request was due, not from when it could be sent. Exits 4 when the run is not valid:
    the generator was late, the rate was not sustained, or too much failed.
    """
    from meshperf.cli.load_run import LoadOptions, run_load

    return run_load(url, LoadOptions(**options))  # type: ignore[arg-type]
