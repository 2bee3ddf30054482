"""The request that the options of `meshperf load` ask for.

Headers, cookies and metadata may be credentials, so a wrong one is named by its number and not repeated.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshperf.cli.load_values import read_file, size_of
from meshperf.errors import UsageError
from meshperf.spec.experiment_load import ClientTls, GrpcRequest
from meshperf.spec.header_rules import header_problem
from meshperf.spec.load_files import DEFAULT_MESSAGE, message_of
from meshperf.spec.target_url import SCHEMES

if TYPE_CHECKING:
    from meshperf.cli.load_options import LoadOptions

__all__ = ["body_of", "grpc_of", "headers_of", "message_for", "method_of", "tls_of"]


def body_of(options: LoadOptions) -> bytes:
    """The body, however it is given; nothing where it is not."""
    named = {"--body": options.body, "--body-file": options.body_file, "--body-base64": options.body_base64}
    given = [flag for flag, value in named.items() if value is not None]
    if len(given) > 1:
        raise UsageError("MP1002", f"{' and '.join(given)} all say what is sent", hint="keep one")
    if options.body_base64 is not None:
        try:
            return base64.b64decode("".join(options.body_base64.split()), validate=True)
        except binascii.Error:
            raise UsageError(
                "MP1001", "--body-base64 is not base64", hint="make it with for example `base64 -w0 FILE`"
            ) from None
    if options.body_file is not None:
        return read_file("--body-file", options.body_file)
    return (options.body or "").encode()


def method_of(options: LoadOptions, body: bytes) -> str:
    """The method that is given; else POST with a body and GET without."""
    method = options.method or ("POST" if body else "GET")
    if not method.isascii() or not method.isalpha():
        raise UsageError("MP1001", f"not a method: {method!r}", hint="write for example --method PUT")
    return method.upper()


def message_for(protocol: str, options: LoadOptions) -> bytes:
    """The message of TCP and UDP where there is no body."""
    if protocol not in ("tcp", "udp"):
        return b""
    size = size_of("--message-bytes", options.message_bytes)
    return message_of(DEFAULT_MESSAGE if size is None else size)


def headers_of(protocol: str, options: LoadOptions) -> tuple[tuple[str, str], ...]:
    """Headers and cookies of HTTP, or metadata of gRPC."""
    flag, texts = ("--metadata", options.metadata) if protocol == "grpc" else ("--header", options.headers)
    pairs = [_pair(flag, text, number, ":") for number, text in enumerate(texts, start=1)]
    names = {name.lower() for name, _ in pairs}
    if options.content_type is not None:
        if "content-type" in names:
            raise UsageError("MP1002", "--content-type and a Content-Type header are given", hint="keep one")
        pairs.append(("Content-Type", options.content_type))
    cookies = [_pair("--cookie", text, number, "=") for number, text in enumerate(options.cookies, start=1)]
    if cookies:
        if "cookie" in names:
            raise UsageError("MP1002", "--cookie and a Cookie header are given", hint="keep one")
        pairs.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies)))
    return tuple(pairs)


def _pair(flag: str, text: str, number: int, mark: str) -> tuple[str, str]:
    """Name and value. The text is not repeated in the error: it may be a credential."""
    name, found, value = text.partition(mark)
    name, value = name.strip(), value.strip()
    what = {"--cookie": "cookie", "--metadata": "metadatum"}.get(flag, "header")
    if not found or (mark == "=" and ";" in value):
        hint = f"write {flag} '{'name=value' if mark == '=' else 'name: value'}'"
        raise UsageError("MP1001", f"{flag} number {number} is not a {what}", hint=hint)
    problem = header_problem(name, value)
    if problem is not None:
        raise UsageError("MP1001", f"{flag} number {number}: {problem}", hint="leave it out")
    return name, value


def grpc_of(options: LoadOptions) -> GrpcRequest:
    """Method, messages and schema of a gRPC request."""
    messages = tuple(
        read_file("--message", Path(text[1:])).decode("utf-8", errors="replace") if text.startswith("@") else text
        for text in options.messages
    )
    plain = GrpcRequest()
    return GrpcRequest(
        call=(options.call or plain.call).lstrip("/"),
        messages=messages or plain.messages,
        proto=options.proto,
        descriptor_set=options.descriptor_set,
        import_paths=options.import_paths,
    )


def tls_of(urls: Sequence[str], options: LoadOptions) -> ClientTls | None:
    """How TLS is spoken; None where no option says anything of it."""
    if (options.cert is None) != (options.key is None):
        raise UsageError("MP1002", "--cert and --key go together")
    if options.insecure and (options.server_identity is not None or options.ca is not None):
        raise UsageError(
            "MP1002", "--insecure verifies nothing, and --ca and --server-identity say what to verify", hint="keep one"
        )
    tls = ClientTls(
        ca=options.ca,
        certificate=options.cert,
        key=options.key,
        server_name=options.server_name,
        server_identity=options.server_identity,
        verify=not options.insecure,
        minimum_version=options.tls_min or "1.2",
        maximum_version=options.tls_max or "1.3",
        cipher_suites=options.ciphers,
        groups=options.groups,
        alpn=options.alpn,
        resumption=options.resumption,
    )
    if tls.minimum_version > tls.maximum_version:
        raise UsageError("MP1002", f"--tls-min {tls.minimum_version} is above --tls-max {tls.maximum_version}")
    if tls == ClientTls():
        return None
    if not any(SCHEMES[urlsplit(url).scheme].secure for url in urls):
        raise UsageError("MP1002", "there are TLS options, and no URL is spoken to over TLS", hint="write https://…")
    return tls
