"""Load plans and what became of them. The compiled engine is loaded when a session is opened, never by an import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshperf.load.dispersion import index_of_dispersion
    from meshperf.load.exchange import recording_from_json, recording_to_json
    from meshperf.load.grpc_messages import HEALTH, DescriptorSource, grpc_call
    from meshperf.load.handle import LoadHandle, run
    from meshperf.load.merging import merge
    from meshperf.load.native import NativeSession
    from meshperf.load.plan import (
        Arrivals,
        GrpcCall,
        GrpcKind,
        Phase,
        Pooling,
        Protocol,
        ReceiveClock,
        Selection,
        SessionPlan,
        Target,
        TlsSettings,
        WaitMode,
    )
    from meshperf.load.recording import (
        ConnectionFacts,
        Datagrams,
        PhaseRecording,
        Progress,
        Series,
        SeriesInterval,
        SessionRecording,
    )
    from meshperf.load.splitting import split
    from meshperf.load.validity import judge

__all__ = [
    "HEALTH",
    "Arrivals",
    "ConnectionFacts",
    "Datagrams",
    "DescriptorSource",
    "GrpcCall",
    "GrpcKind",
    "LoadHandle",
    "NativeSession",
    "Phase",
    "PhaseRecording",
    "Pooling",
    "Progress",
    "Protocol",
    "ReceiveClock",
    "Selection",
    "Series",
    "SeriesInterval",
    "SessionPlan",
    "SessionRecording",
    "Target",
    "TlsSettings",
    "WaitMode",
    "grpc_call",
    "index_of_dispersion",
    "judge",
    "merge",
    "recording_from_json",
    "recording_to_json",
    "run",
    "split",
]

_PLAN = ["Arrivals", "GrpcCall", "GrpcKind", "Phase", "Pooling", "Protocol", "ReceiveClock", "Selection"]
_PLAN += ["SessionPlan", "Target", "TlsSettings", "WaitMode"]
_RECORDING = ["ConnectionFacts", "Datagrams", "PhaseRecording", "Progress", "Series", "SeriesInterval"]
_RECORDING += ["SessionRecording"]

_HOME = {
    **dict.fromkeys(_PLAN, "plan"),
    **dict.fromkeys(_RECORDING, "recording"),
    **dict.fromkeys(["HEALTH", "DescriptorSource", "grpc_call"], "grpc_messages"),
    **dict.fromkeys(["recording_from_json", "recording_to_json"], "exchange"),
    **dict.fromkeys(["LoadHandle", "run"], "handle"),
    "NativeSession": "native",
    "index_of_dispersion": "dispersion",
    "judge": "validity",
    "merge": "merging",
    "split": "splitting",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
