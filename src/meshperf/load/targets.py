"""From an offered load and a URL to a target of a plan; and whether the plan fits into this process.

What it decides: nothing about load. It puts together what the URL says (where, over TLS or not, which path or method)
and what the load point says (everything else), reads the files that the load point names, and refuses what the two
contradict each other in.
"""

from __future__ import annotations

import resource
import ssl
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from meshperf.errors import UsageError
from meshperf.load.plan import GrpcCall, Pooling, Protocol, Selection, SessionPlan, Target, TlsSettings
from meshperf.load.url import Endpoint, endpoint_of, protocol_of
from meshperf.spec.experiment_load import HEALTH_CHECK, ClientTls, GrpcRequest, LoadPoint

__all__ = ["grpc_request", "requested", "require_open_files", "target_from_url", "tls_settings"]

_ONCE = "name it once"
_SCHEMA = (
    "name its schema: a .proto file (--proto, or `proto` in a file) or a descriptor set (--descriptor-set, "
    "`descriptor_set`); without one, the standard health service can be called"
)

_SPARE_FILES = 32
"""Open files beside connections and workers: libraries, the terminal, a log."""
_FILES_A_WORKER = 4


def target_from_url(url: str, point: LoadPoint, *, allowed: Collection[str] = ()) -> Target:
    """A target with everything that `point` asks for. Its name is the URL without the query, which may be secret.

    Args:
        allowed: hosts outside loopback that the user named.

    Raises:
        UsageError: not such a URL (MP1001), URL and load point contradict each other (MP1002), or the host was not
            allowed (MP1003). TargetError: the name is unknown (MP5301). DocumentError: a file is not what it should be.
    """
    protocol = Protocol(protocol_of(url, None if point.protocol == "http1" else point.protocol))
    endpoint = endpoint_of(url, datagrams=protocol is Protocol.UDP, allowed=allowed)
    if endpoint.secure and protocol is Protocol.UDP:
        raise UsageError("MP1002", "udp over TLS is not available", hint="write udp://host:port")
    reached = Target(
        name=endpoint.name,
        address=endpoint.address,
        host=endpoint.host,
        path=_path(protocol, endpoint),
        tls=tls_settings(point.tls or ClientTls(), endpoint.server_name) if endpoint.secure else None,
    )
    asked = replace(point, protocol=str(protocol), path=reached.path, grpc=_grpc(point, protocol, endpoint))
    return requested(reached, asked, name=endpoint.name)


def requested(reached: Target, point: LoadPoint, *, name: str) -> Target:
    """A target that can be reached, with the requests and connections that a load point asks for.

    Args:
        reached: its address, its TLS and its Host header; a `host` among the headers replaces the last.

    Raises:
        UsageError, DocumentError: a gRPC method or message that its schema does not have.
    """
    host = next((value for key, value in point.headers if key.lower() == "host"), reached.host)
    call = grpc_request(point.grpc or GrpcRequest()) if point.protocol == "grpc" else None
    return replace(
        reached,
        name=name,
        host=host,
        protocol=Protocol(point.protocol),
        path=point.path if call is None else call[0],
        method=point.method if call is None else "POST",
        headers=tuple(pair for pair in point.headers if pair[0].lower() != "host"),
        body=point.body,
        reply_bytes=point.reply_bytes,
        grpc=None if call is None else call[1],
        connections=point.connections,
        streams=point.streams,
        max_connections=point.max_connections,
        pooling=Pooling(point.pooling),
        selection=Selection(point.selection),
        requests_per_connection=point.requests_per_connection,
        connection_age_s=point.connection_age_s,
        follow_redirects=point.follow_redirects,
        timeout_s=point.timeout_s,
    )


def _path(protocol: Protocol, endpoint: Endpoint) -> str:
    if protocol in (Protocol.TCP, Protocol.UDP) and endpoint.path not in ("", "/"):
        raise UsageError("MP1002", f"{protocol} has no paths", hint=f"write {protocol}://host:port")
    return endpoint.path if endpoint.path.startswith("/") else f"/{endpoint.path}"


def _grpc(point: LoadPoint, protocol: Protocol, endpoint: Endpoint) -> GrpcRequest | None:
    """The gRPC request, with the method that the URL's path names."""
    if protocol is not Protocol.GRPC:
        return None
    request, named = point.grpc or GrpcRequest(), endpoint.path.strip("/")
    if named and request.call not in (HEALTH_CHECK, named):
        raise UsageError("MP1002", f"the URL names the method {named}, and {request.call} was asked for", hint=_ONCE)
    return replace(request, call=named) if named else request


def grpc_request(request: GrpcRequest) -> tuple[str, GrpcCall]:
    """Path and messages of a gRPC request.

    Raises:
        UsageError: MP1002, what the messages are is not known; MP1005, the schema lacks the method; MP1006, a message
            does not fit it. DocumentError: the schema cannot be read.
    """
    from meshperf.load.grpc_messages import HEALTH, DescriptorSource, grpc_call

    if request.descriptor_set is not None:
        source = DescriptorSource.from_descriptor_set(request.descriptor_set)
    elif request.proto is not None:
        source = DescriptorSource.from_proto([request.proto], [request.proto.parent, *request.import_paths])
    elif request.call.startswith(HEALTH_CHECK.partition("/")[0] + "/"):
        source = HEALTH
    else:
        message = f"what the messages of {request.call} are is not known"
        raise UsageError("MP1002", message, hint=_SCHEMA)
    path, call = grpc_call(source, request.call, request.messages)
    if request.mode not in (None, str(call.kind)):
        raise UsageError(
            "MP1002", f"{request.call} is {call.kind}, and {request.mode} was asked for", hint="leave it out"
        )
    return path, call


def tls_settings(tls: ClientTls, server_name: str) -> TlsSettings:
    """Settings of the engine, with the texts of the certificates that are named.

    Raises:
        UsageError: MP1001, a file cannot be read, or this system has no certificates of its own.
    """
    ca_pem = tls.ca_pem or _pem(tls.ca) or ""
    return TlsSettings(
        ca_pem=ca_pem if ca_pem or not tls.verify else _system_authorities(),
        server_name=tls.server_name or server_name,
        server_identity=tls.server_identity,
        certificate_pem=_pem(tls.certificate),
        key_pem=_pem(tls.key),
        minimum_version=tls.minimum_version,
        maximum_version=tls.maximum_version,
        cipher_suites=tls.cipher_suites,
        groups=tls.groups,
        alpn=tls.alpn,
        resumption=tls.resumption,
        verify=tls.verify,
    )


def _pem(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not ASCII text"
        raise UsageError("MP1001", f"{path} cannot be read as PEM: {why}") from problem
    if "-----BEGIN " not in text:
        raise UsageError("MP1001", f"{path} holds no PEM text", hint="PEM begins with -----BEGIN CERTIFICATE-----")
    return text


def _system_authorities() -> str:
    """The certificates this system trusts, where the user named none."""
    paths = ssl.get_default_verify_paths()
    for path in (paths.cafile, paths.openssl_cafile):
        if path and Path(path).is_file():
            return Path(path).read_text(encoding="utf-8", errors="replace")
    hint = "name one with --ca, or use --insecure"
    raise UsageError("MP1001", "this system has no file of trusted certificates", hint=hint)


def require_open_files(plan: SessionPlan) -> None:
    """Refuse a plan with more connections than this process may open files, before the first one is opened.

    Raises:
        UsageError: MP1001, with the limit that would do.
    """
    connections = sum(max(target.connections, target.max_connections or 0) for target in plan.targets)
    needed = connections + _SPARE_FILES + _FILES_A_WORKER * plan.workers + _open_now()
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and needed > limit:
        raise UsageError(
            "MP1001",
            f"{connections} connections need {needed} open files, and this process may have {limit}",
            hint=f"raise the limit with `ulimit -n {needed}`, or ask for fewer connections",
        )


def _open_now() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:  # no such file system here: the spare ones must do
        return 0
