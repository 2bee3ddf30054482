"""`meshperf doctor`: what is installed, how noisy this machine is, and the smallest difference it can see."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(
    name="doctor",
    epilog="Examples:  meshperf doctor   ·   meshperf doctor --aa   ·   meshperf doctor --no-measure --json",
)
@click.option("--no-measure", is_flag=True, help="Only look at what is installed; takes a second.")
@click.option("--rate", type=float, default=500.0, show_default=True, help="Offered rate of the A/A test [1/s].")
@click.option("--aa", is_flag=True, help="Only the A/A test, twice as long: the noise floor, and how long to see 5 %.")
@click.option("--generators", is_flag=True, help="Try every load generator on known truth instead; a minute or two.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(no_measure: bool, rate: float, aa: bool, generators: bool, as_json: bool) -> int:
    """Look at this machine before believing a measurement made on it.

    The A/A test (about 20 s) deploys the same workload twice, three times over, and measures the difference between
    two things that do not differ: what it finds is the smallest difference this machine can tell from none.

    With --aa it deploys them six times over (about 40 s) and says for each metric how long an experiment of two arms
    must be to find a difference of 5 % four times in five.

    With --generators it tries meshperf's engine and every other load generator that is installed on workloads whose
    response times are known, and says which to believe for what.
    """
    if aa and (generators or no_measure):
        from meshperf.errors import UsageError

        raise UsageError("MP1002", "--aa is a measurement of its own; leave --generators and --no-measure away")
    if aa:
        from meshperf.cli.doctor_aa import run_aa

        return run_aa(rate=rate, as_json=as_json)
    if generators:
        from meshperf.cli.doctor_generators import run_generators

        return run_generators(as_json=as_json, measure=not no_measure)
    from meshperf.cli.doctor_run import run_doctor

    return run_doctor(measure=not no_measure, rate=rate, as_json=as_json)
