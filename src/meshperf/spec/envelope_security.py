"""TLS and gRPC of a client of an SMP test file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshperf.spec.envelope_values import EnvelopeReading, Fields
from meshperf.spec.experiment_load import HEALTH_CHECK, ClientTls, GrpcRequest
from meshperf.spec.experiment_load_model import CALL
from meshperf.spec.quantities import show

__all__ = ["client_grpc", "client_tls"]

_TLS_KEYS = (
    "verify", "ca_pem", "client_cert_ref", "client_key_ref", "sni", "server_identity", "min_version", "max_version",
    "alpn", "cipher_suites", "groups", "session_resumption",
)  # fmt: skip
_GRPC_KEYS = ("service", "method", "mode", "messages", "metadata", "proto", "descriptor_set", "import_paths")
_VERSIONS: Mapping[Any, str] = {1.2: "1.2", 1.3: "1.3", "1.2": "1.2", "1.3": "1.3", "TLSV1.2": "1.2", "TLSV1.3": "1.3"}
_MODES: Mapping[Any, str] = {
    1: "unary", 2: "client-stream", 3: "server-stream", 4: "bidi", "UNARY": "unary", "CLIENT": "client-stream",
    "SERVER": "server-stream", "BIDI": "bidi",
}  # fmt: skip


def client_tls(reading: EnvelopeReading, client: Fields) -> ClientTls | None:
    """TLS as `tls` and `ssl_certificate` ask for it; None where neither does.

    `ssl_certificate` holds the certificates to trust, as PEM text or as the name of a file. The standard does not say;
    a client certificate would be of no use without a key, for which it has no field.
    """
    trusted = reading.text(client.get("ssl_certificate"), client.at("ssl_certificate"), lines=True)
    given = reading.fields(client.get("tls") or {}, client.at("tls"), _TLS_KEYS)
    if not trusted and not given.values:
        return None
    ca_pem = reading.text(given.get("ca_pem"), given.at("ca_pem"), lines=True)
    if trusted and ca_pem:
        message = "`ssl_certificate` and `tls.ca_pem` both say what to trust"
        reading.bad("MP2107", message, client.at("ssl_certificate"), "keep one", key=True)
    is_text = "-----BEGIN " in trusted
    certificate = _file(reading, given, "client_cert_ref")
    key = _file(reading, given, "client_key_ref")
    if (certificate is None) != (key is None):
        reading.bad("MP2107", "`client_cert_ref` and `client_key_ref` go together", given.pointer)
    if ca_pem and "-----BEGIN " not in ca_pem:
        reading.bad(
            "MP2104", "`ca_pem` is not PEM text", given.at("ca_pem"), "it begins with -----BEGIN CERTIFICATE-----"
        )
    plain = ClientTls()
    lowest = reading.word(_version(given, "min_version"), given.at("min_version"), _VERSIONS, "TLS version")
    highest = reading.word(_version(given, "max_version"), given.at("max_version"), _VERSIONS, "TLS version")
    if (lowest or plain.minimum_version) > (highest or plain.maximum_version):
        reading.bad("MP2107", "`min_version` is above `max_version`", given.at("min_version"))
    return ClientTls(
        ca_pem=ca_pem or (trusted if is_text else ""),
        ca=_file(reading, client, "ssl_certificate") if trusted and not is_text else None,
        certificate=certificate,
        key=key,
        server_name=reading.text(given.get("sni"), given.at("sni")) or None,
        server_identity=reading.text(given.get("server_identity"), given.at("server_identity")) or None,
        verify=reading.switch(given.get("verify"), given.at("verify")) is not False,
        minimum_version=lowest or plain.minimum_version,
        maximum_version=highest or plain.maximum_version,
        cipher_suites=reading.listed(given.get("cipher_suites"), given.at("cipher_suites")),
        groups=reading.listed(given.get("groups"), given.at("groups")),
        alpn=reading.listed(given.get("alpn"), given.at("alpn")),
        resumption=bool(reading.switch(given.get("session_resumption"), given.at("session_resumption"))),
    )


def _version(given: Fields, name: str) -> Any:
    value = given.get(name)
    return str(value) if isinstance(value, float) else value


def client_grpc(reading: EnvelopeReading, client: Fields, protocol: str) -> GrpcRequest | None:
    """The gRPC request; the standard health service's check where nothing is said."""
    if protocol != "grpc":
        return None
    if client.get("grpc") is None:
        return GrpcRequest()
    given = reading.fields(client.get("grpc"), client.at("grpc"), _GRPC_KEYS)
    service = reading.text(given.get("service"), given.at("service"))
    method = reading.text(given.get("method"), given.at("method"))
    call = f"{service}/{method}" if service or method else HEALTH_CHECK
    if not CALL.fullmatch(call):
        message = f"`service` and `method` name no gRPC method: {show(call)}"
        reading.bad("MP2104", message, given.pointer, "write for example service: grpc.health.v1.Health, method: Check")
    if "proto" in given and "descriptor_set" in given:
        message = "`proto` and `descriptor_set` both say what the messages are"
        reading.bad("MP2107", message, given.at("descriptor_set"), "keep one", key=True)
    messages = tuple(
        item if isinstance(item, str) else json.dumps(item)
        for item, _ in reading.items(given.get("messages"), given.at("messages"))
    )
    folder = _folder(reading)
    return GrpcRequest(
        call=call,
        messages=messages or GrpcRequest().messages,
        proto=_file(reading, given, "proto"),
        descriptor_set=_file(reading, given, "descriptor_set"),
        import_paths=tuple(
            folder / path for path in reading.listed(given.get("import_paths"), given.at("import_paths"))
        ),
        mode=reading.word(given.get("mode"), given.at("mode"), _MODES, "mode"),
    )


def _file(reading: EnvelopeReading, given: Fields, name: str) -> Path | None:
    """A file that a field names, relative to the test; it must be there."""
    text = reading.text(given.get(name), given.at(name))
    if not text:
        return None
    path = _folder(reading) / text
    if reading.files_beside and reading.document.path is not None and not path.is_file():
        reading.bad("MP2001", f"there is no file {text}, seen from the folder of this file", given.at(name))
    return path


def _folder(reading: EnvelopeReading) -> Path:
    return (reading.document.path.parent if reading.document.path is not None else Path()).absolute()
