from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from meshperf.meshes.istio.control_plane import ControlPlane, SyncStatus
from meshperf.meshes.istio.observer import unsettled
from meshperf.meshes.istio.sidecar import Sidecar


class Plane:
    """A control plane that answers this."""

    def __init__(self, *statuses: SyncStatus, silent: bool = False) -> None:
        self._answer = None if silent else statuses

    def sync(self) -> Sequence[SyncStatus] | None:
        return self._answer


class Envoy:
    """A sidecar that refused these updates."""

    def __init__(self, *refused: str) -> None:
        self._refused = refused

    def refused(self) -> Sequence[str]:
        return self._refused


def told(plane: Plane, **sidecars: Envoy) -> Sequence[str]:
    return unsettled(cast(ControlPlane, plane), cast("dict[str, Sidecar]", dict[str, Any](sidecars)))


def test_a_mesh_that_took_everything_has_nothing_to_say() -> None:
    assert not told(Plane(SyncStatus(proxy="app.meshperf", waiting=())), app=Envoy())


def test_what_is_missing_is_told_by_workload() -> None:
    plane = Plane(SyncStatus(proxy="app.meshperf", waiting=("listener", "route")))
    found = told(plane, app=Envoy("cluster_manager.cds.update_rejected"), client=Envoy())
    assert found == [
        "app has not acknowledged listener, route",
        "app refused an update (cluster_manager.cds.update_rejected)",
        "istiod does not know the sidecar of client",
    ]


def test_a_silent_control_plane_is_told() -> None:
    assert told(Plane(silent=True), app=Envoy()) == ("istiod does not answer",)
