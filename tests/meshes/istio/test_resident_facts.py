from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshperf.meshes.binaries import Binary
from meshperf.meshes.istio.installation import Installation
from meshperf.meshes.istio.layout import Layout
from meshperf.meshes.istio.resident_facts import configuration_digest, resident_facts
from meshperf.spec.experiment import Functions


@pytest.fixture
def installation(recorded: Path) -> Installation:
    program = Binary(
        name="istiod", path=recorded, origin="option", version="v0.0.0-1", build=None, sha256="0", patched=True
    )
    return Installation(istiod=program, agent=program, envoy=program, template=recorded / "syncz.json")


def test_a_development_build_says_so_and_how_it_was_started(arm_of: Any, installation: Installation) -> None:
    facts = {name: fact.value for name, fact in resident_facts(arm_of(), installation, "d").items()}
    assert facts["mesh.release"] == "development"
    assert facts["mesh.label"] == "istio-dev, no telemetry"
    assert str(facts["mesh.control_plane"]).endswith("started without Kubernetes by meshperf")
    assert facts["control_plane.PILOT_ENABLE_ALPN_FILTER"] == "false"


def test_settings_of_the_control_plane_are_facts(arm_of: Any, installation: Installation) -> None:
    arm = arm_of(control_plane={"PILOT_DEBOUNCE_AFTER": "1s"})
    assert resident_facts(arm, installation, "d")["control_plane.PILOT_DEBOUNCE_AFTER"].value == "1s"


@pytest.mark.parametrize(
    ("settings", "retries", "key"),
    [({}, 0, "ECDSA P-256"), ({"defaults": "mesh"}, 2, "RSA 2048"), ({"mtls": "off"}, 0, "none")],
)
def test_what_istio_does_untold_is_a_fact_too(
    arm_of: Any, installation: Installation, settings: dict[str, Any], retries: int, key: str
) -> None:
    facts = resident_facts(arm_of(**settings), installation, "d")
    assert facts["proxy.retries"].value == retries
    assert facts["security.key_type"].value == key


def test_the_digest_knows_settings_and_no_addresses(layout_of: Any, arm_of: Any) -> None:
    here = layout_of()
    elsewhere = Layout(
        resident="istio+twin",
        control="10.99.0.7",
        pods={"client": "10.99.0.8", "app": "10.99.0.9"},
        services=tuple(_moved(service) for service in here.services),
        callers=here.callers,
        entry=here.entry,
    )
    assert configuration_digest(arm_of(), here, "t") == configuration_digest(arm_of(), elsewhere, "t")
    others = [arm_of(mtls="off"), arm_of(Functions(routes=2)), arm_of(defaults="mesh"), arm_of(proxy_concurrency=2)]
    digests = {configuration_digest(arm, here, "t") for arm in others} | {configuration_digest(arm_of(), here, "u")}
    assert len(digests - {configuration_digest(arm_of(), here, "t")}) == 5


def _moved(service: Any) -> Any:
    from dataclasses import replace

    return replace(service, address="10.99.0.9")
