"""Documents: the experiment file and SMP results, read, checked, written and converted.

Only light modules are imported here; whoever reads or writes a file imports the module that does it.
"""

from meshperf.spec.experiment import Arm, Experiment, LoadPoint, Objective, Workload, read_experiment
from meshperf.spec.records import RunResult

__all__ = ["Arm", "Experiment", "LoadPoint", "Objective", "RunResult", "Workload", "read_experiment"]
