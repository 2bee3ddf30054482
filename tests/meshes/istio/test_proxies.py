from __future__ import annotations

import pytest

from meshperf.errors import UsageError
from meshperf.meshes import ENDPOINT_PROBE, ROUTE_PROBE, ControlledMesh, open_mesh
from meshperf.meshes.istio.proxies import endpoint_change, further_services, route_change


def test_the_adapter_can_be_studied_by_its_control_plane() -> None:
    assert isinstance(open_mesh("istio"), ControlledMesh)


def test_a_change_of_a_route_is_answered_by_the_sidecar_itself() -> None:
    (change,) = route_change("change-7")
    assert change["spec"]["hosts"] == [ROUTE_PROBE]
    assert change["spec"]["http"][0]["directResponse"] == {"status": 200, "body": {"string": "change-7"}}


def test_a_change_of_an_endpoint_moves_address_and_port() -> None:
    (change,) = endpoint_change("10.64.0.9:8088")
    assert change["spec"]["hosts"] == [ENDPOINT_PROBE]
    assert change["spec"]["endpoints"] == [{"address": "10.64.0.9"}]
    assert change["spec"]["ports"][0]["targetPort"] == 8088


def test_further_services_have_addresses_and_endpoints_of_their_own() -> None:
    found = further_services(1000)
    assert len({service["spec"]["addresses"][0] for service in found}) == 1000
    assert len({service["spec"]["endpoints"][0]["address"] for service in found}) == 1000
    assert len({service["spec"]["hosts"][0] for service in found}) == 1000


def test_more_services_than_addresses_are_refused() -> None:
    with pytest.raises(UsageError, match="40000 further services"):
        further_services(40_000)
