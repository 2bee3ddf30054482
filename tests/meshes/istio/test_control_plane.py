from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshperf.environments.site import Process
from meshperf.meshes.istio.control_plane import ControlPlane, read_sync, write_resources


def test_a_mesh_at_rest_has_acknowledged_everything(recorded: Path) -> None:
    found = read_sync((recorded / "syncz.json").read_bytes())
    assert {status.proxy for status in found} == {"app.meshperf", "client.meshperf"}
    assert all(not status.waiting for status in found)


def test_what_was_sent_and_not_acknowledged_is_named(recorded: Path) -> None:
    entries = json.loads((recorded / "syncz.json").read_bytes())
    entries[0]["listener_acked"] = "an older one"
    del entries[0]["endpoint_acked"]
    assert read_sync(json.dumps(entries).encode())[0].waiting == ["listener", "endpoint"]


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"[1]", b"{}"])
def test_another_answer_knows_no_sidecar(body: bytes) -> None:
    assert list(read_sync(body)) == []


def test_a_refusal_is_found_in_istiods_log(recorded: Path, tmp_path: Path) -> None:
    log = recorded / "istiod-refusal.log"
    process = Process(name="istiod", role="control-plane", pid=1, start_ticks=1, log=log, cpus=())
    (line,) = ControlPlane(process=process, debug="127.0.0.1:1", folder=tmp_path).refusals()
    assert "registered implementation for 'istio.alpn'" in line


def test_resources_appear_whole_and_replace_the_old_ones(tmp_path: Path) -> None:
    write_resources(tmp_path, "route", [{"kind": "A"}])
    write_resources(tmp_path, "route", [{"kind": "B"}])
    (file,) = tmp_path.iterdir()
    assert file.name == "route.yaml"
    assert json.loads(file.read_text()) == {"kind": "B"}
