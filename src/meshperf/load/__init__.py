"""Load plans and what became of them. The compiled engine is loaded by `NativeSession.open`, never by an import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshperf.load.native import NativeSession
    from meshperf.load.plan import Arrivals, Phase, SessionPlan, Target, TlsSettings, WaitMode
    from meshperf.load.recording import ConnectionFacts, PhaseRecording, Progress, SessionRecording
    from meshperf.load.validity import judge

__all__ = [
    "Arrivals",
    "ConnectionFacts",
    "NativeSession",
    "Phase",
    "PhaseRecording",
    "Progress",
    "SessionPlan",
    "SessionRecording",
    "Target",
    "TlsSettings",
    "WaitMode",
    "judge",
]

_HOME = {
    **dict.fromkeys(["Arrivals", "Phase", "SessionPlan", "Target", "TlsSettings", "WaitMode"], "plan"),
    **dict.fromkeys(["ConnectionFacts", "PhaseRecording", "Progress", "SessionRecording"], "recording"),
    "NativeSession": "native",
    "judge": "validity",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
