"""`meshperf doctor`: what is installed, how noisy this machine is, and the smallest difference it can see."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(
    name="doctor",
    epilog="Examples:  meshperf doctor   ·   meshperf doctor --no-measure --json",
)
@click.option("--no-measure", is_flag=True, help="Only look at what is installed; takes a second.")
@click.option("--rate", type=float, default=500.0, show_default=True, help="Offered rate of the A/A test [1/s].")
@click.option("--generators", is_flag=True, help="Try every load generator on known truth instead; a minute or two.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(no_measure: bool, rate: float, generators: bool, as_json: bool) -> int:
    """Look at this machine before believing a measurement made on it.

    The A/A test (about 20 s) deploys the same workload twice, three times over, and measures the difference between
    two things that do not differ: what it finds is the smallest difference this machine can tell from none.

    With --generators it tries meshperf's engine and every other load generator that is installed on workloads whose
    response times are known, and says which to believe for what.
    """
    if generators:
        from meshperf.cli.doctor_generators import run_generators

        return run_generators(as_json=as_json, measure=not no_measure)
    from meshperf.cli.doctor_run import run_doctor

    return run_doctor(measure=not no_measure, rate=rate, as_json=as_json)
