"""The parts of a request as tools want them: URL, authority, headers, files of certificates."""

from __future__ import annotations

from meshperf.load.adapters.base import Asked
from meshperf.load.adapters.fitting import is_address
from meshperf.load.plan import Target

__all__ = ["authority", "host_and_port", "named_headers", "seconds", "tls_files", "url", "wants_host"]


def host_and_port(target: Target) -> tuple[str, str]:
    """The numeric address and the port of a target, apart; IPv6 keeps its brackets."""
    host, _, port = target.address.rpartition(":")
    return host, port


def authority(target: Target) -> str:
    """What a URL names: over TLS the name to verify where there is one, else the address."""
    name = target.tls.server_name if target.tls is not None else None
    if name is None or is_address(name):
        return target.address
    return f"{name}:{host_and_port(target)[1]}"


def url(target: Target, *, numeric: bool = False) -> str:
    """The whole URL. `numeric`: by address, for tools that cannot be told where a name leads."""
    where = target.address if numeric else authority(target)
    return f"{'http' if target.tls is None else 'https'}://{where}{target.path}"


def wants_host(target: Target, named: str) -> bool:
    """Whether the Host header is another than a client would send to `named`."""
    scheme_port = ":80" if target.tls is None else ":443"
    return target.host not in (named, named.removesuffix(scheme_port))


def named_headers(target: Target, named: str) -> list[tuple[str, str]]:
    """The headers to send, a Host that differs from the URL's among them."""
    host = [("Host", target.host)] if wants_host(target, named) else []
    return [*host, *target.headers]


def tls_files(asked: Asked) -> dict[str, bytes]:
    """The PEM texts that TLS needs, by the names of the files they go to: `ca.pem`, `cert.pem`, `key.pem`."""
    tls = asked.target.tls
    if tls is None:
        return {}
    texts = {"ca.pem": tls.ca_pem if tls.verify else "", "cert.pem": tls.certificate_pem, "key.pem": tls.key_pem}
    return {name: text.encode() for name, text in texts.items() if text}


def seconds(value: float) -> str:
    """A duration as Go and others read it, to the microsecond."""
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"
