"""ghz: unary gRPC calls, closed loop or paced by waiting workers; every call is in its JSON, up to the first million.

It wants a schema. The plan has encoded messages and a path, so it is given a schema in which the method's messages are
empty: fields that it does not know are carried as they are.
"""

from __future__ import annotations

import json

from meshperf.load.adapters.base import Abilities, Adapter, Asked, Command, always, closed_or
from meshperf.load.adapters.request import seconds, tls_files
from meshperf.load.plan import Protocol
from meshperf.spec.imported import LatencyOrigin, LoopModel

__all__ = ["ADAPTER", "command"]


def command(asked: Asked) -> Command:
    """Arguments for one run; messages, metadata and schema are files."""
    target = asked.target
    service, _, method = target.path.strip("/").rpartition("/")
    assert target.grpc is not None, "fitting lets gRPC only through, and a plan of gRPC has a call"
    metadata: dict[str, str] = dict(target.headers)
    message = target.grpc.messages[0]
    files = {
        **tls_files(asked),
        "schema.proto": _schema(service, method).encode(),
        **({"message": message} if message else {}),
        "metadata.json": json.dumps(metadata).encode(),
    }
    arguments = ["--proto", str(asked.folder / "schema.proto"), "--call", f"{service}.{method}",
                 # An empty file of messages makes it divide by zero.
                 *(["-B", str(asked.folder / "message")] if message else ["-d", "{}"]),
                 "-M", str(asked.folder / "metadata.json"),
                 "-z", seconds(asked.phase.duration_s), "--duration-stop", "wait", "-t", seconds(target.timeout_s),
                 "--connections", str(target.connections), "-c", str(asked.concurrency), "-n", "0",
                 "--cpus", str(asked.threads), "-O", "json", "-o", str(asked.folder / "result.json")]  # fmt: skip
    if asked.rate is not None:
        arguments += ["--rps", str(max(1, round(asked.rate)))]
    notes = ["of metadata with the same name it sends the last"] * (len(metadata) < len(target.headers))
    if asked.rate is not None and not asked.rate.is_integer():
        notes.append(f"its rate is whole: {max(1, round(asked.rate))} instead of {asked.rate:g}")
    if target.tls is None:
        arguments += ["--insecure"]
        if target.host != target.address:
            arguments += ["--authority", target.host]
    else:
        arguments += [part for name, flag in (("ca.pem", "--cacert"), ("cert.pem", "--cert"), ("key.pem", "--key"))
                      if name in files for part in (flag, str(asked.folder / name))]  # fmt: skip
        arguments += ["--skipTLS"] * (not target.tls.verify)
        arguments += ["--cname", target.tls.server_name] if target.tls.server_name else []
    return Command(arguments=[*arguments, target.address], files=files, result="result.json", notes=notes)


def _schema(service: str, method: str) -> str:
    package, _, name = service.rpartition(".")
    return "\n".join(
        [
            'syntax = "proto3";',
            *([f"package {package};"] if package else []),
            "message Carried {}",
            f"service {name} {{ rpc {method} (Carried) returns (Carried); }}",
            "",
        ]
    )


ADAPTER = Adapter(
    name="ghz",
    program="ghz",
    variable="GHZ_BIN",
    abilities=Abilities(
        protocols=frozenset({Protocol.GRPC}),
        tls=True,
        verifies=True,
        client_certificate=True,
        server_name=True,
        streams=True,
    ),
    form="ghz",
    command=command,
    origin=always(LatencyOrigin.ACTUAL),
    loop=closed_or(LoopModel.SCHEDULED_CLOSED),
    model="shared evenly by its workers",
    install="go install github.com/bojand/ghz/cmd/ghz@latest, or a release from its project page",
)
