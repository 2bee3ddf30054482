"""Experiments that are asked for a resolution: a pilot, a plan that is fixed before anything counts, early ends."""

from meshperf.experiment.planned.making import make_run_plan, pilot_experiment, planned_experiment
from meshperf.experiment.planned.running import execute_planned

__all__ = ["execute_planned", "make_run_plan", "pilot_experiment", "planned_experiment"]
