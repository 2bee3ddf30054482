"""Phases and plans to drive adapters with, and programs that stand for a tool."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshperf.load.adapters.base import Asked
from meshperf.load.plan import Arrivals, GrpcCall, Phase, Protocol, SessionPlan, Target, TlsSettings

TARGET = Target(name="t", address="127.0.0.1:8080", host="127.0.0.1:8080", path="/a?b=c", connections=4, timeout_s=3.0)
PHASE = Phase(target=0, duration_s=5.0, arrivals=Arrivals.CONSTANT, rate=100.0, label="0")
CLOSED = replace(PHASE, arrivals=Arrivals.CLOSED, rate=None)
SECRET = "s3cret-token"
BODY = b"b0dy-s3ntinel\x00"
RICH = replace(TARGET, method="PUT", headers=(("Authorization", SECRET), ("x-a", "b")), body=BODY)
CALL = replace(
    TARGET,
    protocol=Protocol.GRPC,
    path="/shop.v1.Cart/Add",
    method="POST",
    grpc=GrpcCall(messages=(b"\x0a\x01x",)),
    headers=(("token", SECRET),),
    streams=2,
)
TLS = TlsSettings(ca_pem="CA", server_name="app.local", certificate_pem="CERT", key_pem="KEY", minimum_version="1.2")


def asked(target: Target = TARGET, phase: Phase = PHASE, threads: int = 2) -> Asked:
    return Asked(target=target, phase=phase, threads=threads, folder=Path("/scratch"))


def plan(target: Target = TARGET, **changes: Any) -> SessionPlan:
    return SessionPlan(targets=(target,), **changes)


def program(folder: Path, name: str, text: str) -> Path:
    """A Python program that stands for a tool; `text` is its body, with `sys`, `os`, `time` and `json` at hand."""
    path = folder / name
    path.write_text(f"#!{sys.executable} -IS\nimport json, os, signal, sys, time\n{text}\n")
    path.chmod(0o755)
    return path
