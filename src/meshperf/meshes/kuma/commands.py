"""Environments and command lines of Kuma's three programs.

kuma-cp listens on every address of its network, so it runs in a pod of its own; its API is on the pod's 127.0.0.1,
where whoever asks is an administrator. kuma-dp starts Envoy; without DNS of its own, because callers dial addresses.
"""

from __future__ import annotations

from pathlib import Path

from meshperf.errors import UsageError
from meshperf.meshes.kuma.layout import API_PORT, DATAPLANE_SERVER_PORT, LOOPBACK, Layout
from meshperf.meshes.kuma.policies import MESH
from meshperf.spec.experiment import Arm

__all__ = [
    "ADMIN_SOCKET",
    "PROXY_USER",
    "apply_argv",
    "check_settings",
    "control_plane_argv",
    "control_plane_environment",
    "dataplane_argv",
    "login_argv",
    "redirection_argv",
    "token_argv",
]

ADMIN_SOCKET = "kuma-envoy-admin.sock"
"""Below the working folder of a kuma-dp; since Kuma 2.14 Envoy's admin interface is there."""
PROXY_USER = (65534, 65534)
"""Whose connections the rules of redirection leave alone: `nobody`, who must be in the list of users."""
_OURS = frozenset(
    {
        "KUMA_ENVIRONMENT",
        "KUMA_MODE",
        "KUMA_STORE_TYPE",
        "KUMA_GENERAL_WORK_DIR",
        "KUMA_API_SERVER_HTTP_INTERFACE",
        "KUMA_API_SERVER_HTTP_PORT",
        "KUMA_DEFAULTS_SKIP_MESH_CREATION",
    }
)


def check_settings(arm: Arm) -> None:
    """Refuse settings of the control plane that are no variables of Kuma, or that the adapter rests on.

    Raises:
        UsageError: MP1008.
    """
    for name in arm.control_plane:
        if not (name.isidentifier() and name == name.upper() and name.startswith("KUMA_")):
            raise UsageError(
                "MP1008",
                f"arm `{arm.name}`: `{name}` is no setting of Kuma's control plane",
                hint="write a variable of kuma-cp, such as KUMA_XDS_SERVER_DATAPLANE_CONFIGURATION_REFRESH_INTERVAL",
            )
        if name in _OURS:
            raise UsageError(
                "MP1008",
                f"arm `{arm.name}`: `{name}` is a setting that meshperf makes itself",
                hint="leave it out",
            )


def control_plane_environment(layout: Layout, arm: Arm, folder: Path) -> dict[str, str]:
    """Environment of kuma-cp: one zone, everything in memory, no reports home."""
    return {
        "KUMA_ENVIRONMENT": "universal",
        "KUMA_MODE": "zone",
        "KUMA_STORE_TYPE": "memory",
        "KUMA_REPORTS_ENABLED": "false",
        "KUMA_GENERAL_WORK_DIR": str(folder),
        "KUMA_API_SERVER_HTTP_INTERFACE": LOOPBACK,
        "KUMA_API_SERVER_HTTP_PORT": str(API_PORT),
        "KUMA_API_SERVER_HTTPS_ENABLED": "false",
        "KUMA_API_SERVER_GUI_ENABLED": "false",
        "KUMA_MONITORING_ASSIGNMENT_SERVER_ENABLED": "false",
        "KUMA_INTER_CP_CATALOG_INSTANCE_ADDRESS": layout.control,
        # The mesh is made by meshperf, with or without Kuma's policies for new meshes.
        "KUMA_DEFAULTS_SKIP_MESH_CREATION": "true",
        **arm.control_plane,
    }


def control_plane_argv(program: Path) -> list[str]:
    """Command line of kuma-cp."""
    return [str(program), "run", "--log-level=info"]


def login_argv(program: Path, config: Path) -> list[str]:
    """Tell kumactl where the control plane is; run in its pod."""
    return [
        *_kumactl(program, config), "config", "control-planes", "add",
        "--name", "lab", "--address", f"http://{LOOPBACK}:{API_PORT}", "--overwrite",
    ]  # fmt: skip


def apply_argv(program: Path, config: Path, resources: Path) -> list[str]:
    """Apply a file of resources; run in the control plane's pod."""
    return [*_kumactl(program, config), "apply", "-f", str(resources)]


def token_argv(program: Path, config: Path, service: str) -> list[str]:
    """Print a token by which a dataplane proves which service it is; run in the control plane's pod."""
    return [
        *_kumactl(program, config), "generate", "dataplane-token",
        "--mesh", MESH, "--tag", f"kuma.io/service={service}", "--valid-for", "24h",
    ]  # fmt: skip


def redirection_argv(program: Path, *, excluded: tuple[int, ...]) -> list[str]:
    """Set the rules of redirection of one pod.

    Args:
        excluded: inbound ports that are not redirected.
    """
    return [
        str(program), "install", "transparent-proxy",
        "--kuma-dp-user", str(PROXY_USER[0]),
        "--exclude-inbound-ports", ",".join(map(str, excluded)),
    ]  # fmt: skip


def dataplane_argv(
    program: Path, layout: Layout, arm: Arm, *, envoy: Path, resource: Path, token: Path, folder: Path
) -> list[str]:
    """Command line of one kuma-dp.

    Args:
        resource, token: files with what it is, and with the proof.
        folder: where it keeps Envoy's configuration and the socket of its admin interface.
    """
    line = [
        str(program), "run",
        "--cp-address", f"https://{layout.control}:{DATAPLANE_SERVER_PORT}",
        # The control plane signs its own certificate anew at every start.
        "--skip-verify",
        "--dataplane-file", str(resource),
        "--dataplane-token-file", str(token),
        "--binary-path", str(envoy),
        "--concurrency", str(arm.proxy_concurrency),
        "--dns-enabled=false",
        "--work-dir", str(folder),
        "--envoy-log-level", "warning",
        # Half a minute otherwise, at the end of every round.
        "--drain-time", "1s",
    ]  # fmt: skip
    return [*line, "--transparent-proxy"] if layout.transparent else line


def _kumactl(program: Path, config: Path) -> list[str]:
    return [str(program), "--config-file", str(config)]
