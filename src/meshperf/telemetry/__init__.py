"""What was used meanwhile: processes, the machine around them, and the rules that judge how quiet it was."""

from meshperf.telemetry.busy_threads import (
    ThreadTimes,
    busiest_share,
    cores_of,
    longest_wait_share,
    thread_times,
)
from meshperf.telemetry.energy import EnergyMeter, EnergyReading
from meshperf.telemetry.guards import INVALIDATING, noise_guards, shown
from meshperf.telemetry.interfaces import InterfaceReading, read_interfaces
from meshperf.telemetry.node import NodeSampler
from meshperf.telemetry.process import ProcessReading, read_process, usage
from meshperf.telemetry.run_queue import RunQueueReading, read_run_queue, run_queue_wait

__all__ = [
    "INVALIDATING",
    "EnergyMeter",
    "EnergyReading",
    "InterfaceReading",
    "NodeSampler",
    "ProcessReading",
    "RunQueueReading",
    "ThreadTimes",
    "busiest_share",
    "cores_of",
    "longest_wait_share",
    "noise_guards",
    "read_interfaces",
    "read_process",
    "read_run_queue",
    "run_queue_wait",
    "shown",
    "thread_times",
    "usage",
]
