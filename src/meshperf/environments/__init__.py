"""Where an experiment runs: processes on loopback or in pods, with facts about the host."""

from meshperf.environments.host_facts import HostReader
from meshperf.environments.local import LocalSite
from meshperf.environments.site import CpuPlan, Process, ProcessSpec, Site
from meshperf.environments.site_state import sweep

__all__ = ["CpuPlan", "HostReader", "LocalSite", "Process", "ProcessSpec", "Site", "sweep"]
