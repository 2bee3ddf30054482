from __future__ import annotations

from typing import Any

from graphs import TRIANGLE
from meshperf.meshes.istio.layout import EXCLUDED_PORTS


def test_every_service_has_a_virtual_address_that_no_pod_has(layout_of: Any) -> None:
    layout = layout_of(TRIANGLE)
    virtual = {service.virtual for service in layout.services}
    assert len(virtual) == 3
    assert virtual.isdisjoint(layout.pods.values())
    assert all(address.startswith("198.18.") for address in virtual)


def test_the_client_has_a_sidecar_too_and_comes_first(layout_of: Any) -> None:
    assert layout_of(TRIANGLE).workloads == ("client", "leaf", "middle", "front")


def test_callers_are_those_of_the_graph(layout_of: Any) -> None:
    assert layout_of(TRIANGLE).callers == {"front": ["client"], "middle": ["front"], "leaf": ["middle", "front"]}


def test_identities_have_the_form_that_istio_gives_them(layout_of: Any) -> None:
    assert layout_of().identity("app") == "spiffe://meshperf.lab/ns/meshperf/sa/app"


def test_questions_to_the_service_are_not_redirected() -> None:
    assert 8081 in EXCLUDED_PORTS
    assert 8080 not in EXCLUDED_PORTS
