"""The user's own bootstrap templates for the sidecar pair of a single service.

The claims are tried out with them as well: what an arm declares is what must be seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshperf.errors import DocumentError, Location
from meshperf.meshes.base import AppAddress
from meshperf.meshes.envoy.layout import ADMIN_PORT, INBOUND_PORT, OUTBOUND_PORT, Layout

__all__ = ["filled", "template_values"]


def template_values(layout: Layout, app: AppAddress) -> Mapping[str, str | int]:
    """What a template may refer to."""
    client, server = layout.client, layout.server
    return {
        "client_address": client.address,
        "server_address": server.address,
        "app_address": app.host,
        "app_port": app.port,
        "admin_port": ADMIN_PORT,
        "outbound_port": OUTBOUND_PORT,
        "inbound_port": INBOUND_PORT,
        "ca": str(layout.authority),
        "client_certificate": str(client.identity.certificate),
        "client_key": str(client.identity.key),
        "client_identity": client.identity.uri,
        "server_certificate": str(server.identity.certificate),
        "server_key": str(server.identity.key),
        "server_identity": server.identity.uri,
    }


def filled(template: Path, values: Mapping[str, str | int]) -> str:
    """The template with its values.

    Raises:
        DocumentError: it cannot be read (MP2001), or is no template of these values (MP2104).
    """
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    try:
        environment = SandboxedEnvironment(undefined=StrictUndefined)
        return environment.from_string(template.read_text()).render(values)
    except (OSError, UnicodeDecodeError, TemplateError) as failure:
        raise DocumentError(
            "MP2001" if isinstance(failure, OSError) else "MP2104",
            f"the Envoy bootstrap template cannot be used: {failure}",
            location=Location(path=template, line=getattr(failure, "lineno", None)),
            hint=f"a template may use: {', '.join(sorted(values))}",
        ) from failure
