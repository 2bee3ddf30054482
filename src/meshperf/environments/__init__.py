"""Where an experiment runs: local processes now, with facts about the host."""

from meshperf.environments.site import CpuPlan, Process, ProcessSpec, Site

__all__ = ["CpuPlan", "Process", "ProcessSpec", "Site"]
