"""Environments and command lines of Kuma's programs, as its documentation has them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO
from meshperf.errors import UsageError
from meshperf.meshes.kuma import commands
from meshperf.meshes.kuma.layout import Layout
from meshperf.spec.experiment import Arm
from paper_site import PaperSite

PROGRAM = Path("/somewhere/program")


def arm(**settings: Any) -> Arm:
    return Arm(**{"name": "k", "mesh": "kuma", "mtls": "strict", **settings})


def layout(*, transparent: bool = False) -> Layout:
    return Layout.of(PaperSite(Path("/nowhere"), "netns"), "kuma", ECHO, transparent=transparent)


def test_the_control_plane_keeps_to_itself() -> None:
    environment = commands.control_plane_environment(layout(), arm(), Path("/work"))
    assert environment["KUMA_STORE_TYPE"] == "memory"
    assert environment["KUMA_REPORTS_ENABLED"] == "false"
    assert environment["KUMA_API_SERVER_HTTP_INTERFACE"] == "127.0.0.1"
    assert environment["KUMA_GENERAL_WORK_DIR"] == "/work"
    assert environment["KUMA_INTER_CP_CATALOG_INSTANCE_ADDRESS"] == layout().control


def test_variables_of_the_arm_reach_the_control_plane() -> None:
    settings = {"KUMA_XDS_SERVER_DATAPLANE_STATUS_FLUSH_INTERVAL": "1s"}
    environment = commands.control_plane_environment(layout(), arm(control_plane=settings), Path("/work"))
    assert settings.items() <= environment.items()


@pytest.mark.parametrize("name", ["log.level", "PATH", "kuma_mode", "KUMA_STORE_TYPE"])
def test_what_is_no_variable_of_kuma_or_is_meshperfs_own_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"`{name}` is") as refused:
        commands.check_settings(arm(control_plane={name: "1"}))
    assert refused.value.code == "MP1008"


@pytest.mark.parametrize("transparent", [False, True])
def test_a_dataplane_is_started_with_one_envoy_and_without_names(transparent: bool) -> None:
    line = commands.dataplane_argv(
        PROGRAM,
        layout(transparent=transparent),
        arm(proxy_concurrency=2),
        envoy=Path("/bin/envoy"),
        resource=Path("/r.json"),
        token=Path("/token"),
        folder=Path("/folder"),
    )
    options = dict(itertools.pairwise(line))
    assert line[:2] == [str(PROGRAM), "run"]
    assert options["--cp-address"] == f"https://{layout().control}:5678"
    assert options["--binary-path"] == "/bin/envoy"
    assert options["--concurrency"] == "2"
    assert options["--work-dir"] == "/folder"
    assert options["--drain-time"] == "1s"
    assert "--dns-enabled=false" in line
    assert ("--transparent-proxy" in line) is transparent


def test_a_token_is_for_one_service_of_the_mesh() -> None:
    line = commands.token_argv(PROGRAM, Path("/config"), "app")
    assert line[:3] == [str(PROGRAM), "--config-file", "/config"]
    assert line[line.index("--tag") + 1] == "kuma.io/service=app"


def test_redirection_leaves_the_proxys_user_and_the_counters_port_alone() -> None:
    line = commands.redirection_argv(PROGRAM, excluded=(8081,))
    assert line[line.index("--kuma-dp-user") + 1] == str(commands.PROXY_USER[0])
    assert line[line.index("--exclude-inbound-ports") + 1] == "8081"
