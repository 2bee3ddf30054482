"""What is known of an Istio resident before it is tried: versions, settings, and the digest of all that it was told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from meshperf.meshes import envoy_facts
from meshperf.meshes.istio import settings
from meshperf.meshes.istio.installation import Installation
from meshperf.meshes.istio.layout import Layout
from meshperf.meshes.istio.resources import resources
from meshperf.meshes.none import NO_LIBRARY
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Fact, Facts

__all__ = ["configuration_digest", "resident_facts"]

_ISTIOS_RETRIES = 2
"""What Istio does where it is told nothing."""


def resident_facts(arm: Arm, found: Installation, digest: str) -> Facts:
    """Facts of one resident.

    Args:
        digest: of its configuration.
    """
    equal = arm.defaults == "equal"
    functions = arm.functions
    retries = functions.retries or (0 if equal or arm.mode == "tcp" else _ISTIOS_RETRIES)
    told = {**settings.WITHOUT_ISTIOS_ENVOY, **arm.control_plane}
    started = ", started without Kubernetes by meshperf" if found.istiod.patched else ""
    return {
        **envoy_facts.mesh_facts(
            arm,
            version=found.istiod.version,
            release="release" if found.is_release else "development",
            label=found.label,
            control_plane=f"istiod {found.istiod.version}{started}",
            config_digest=digest,
            proven=not found.is_release,  # only a development commit was ever run here
        ),
        **envoy_facts.proxy_facts(found.envoy),
        **envoy_facts.program_facts(found.istiod),
        **envoy_facts.program_facts(found.agent),
        "binary.envoy-bootstrap.sha256": Fact(value=found.template_sha256, source="file"),
        **envoy_facts.declared_facts(
            arm,
            interception="iptables redirect",
            key_type="ECDSA P-256" if equal else "RSA 2048",
            telemetry=f"{'counters' if equal else 'none'}{', scraped every second' if functions.metrics else ''}",
            request_timeout_s=functions.timeout_s,
            retries=retries,
        ),
        "proxy.config_digest": Fact(value=digest, source="adapter"),
        **{f"control_plane.{name}": Fact(value=told[name], source="adapter", observed=False) for name in sorted(told)},
        **NO_LIBRARY,
    }


def configuration_digest(arm: Arm, layout: Layout, template_sha256: str) -> str:
    """Digest of all that Istio was told: equal settings give equal digests on any machine and in any round."""
    nowhere = Path("<run>")
    text = json.dumps(
        [
            resources(layout, arm),
            settings.mesh_configuration(layout, arm),
            settings.istiod_environment(arm, nowhere),
            [
                settings.agent_environment(
                    layout, arm, workload, certificates=nowhere, envoy=nowhere, bootstrap=nowhere
                )
                for workload in layout.workloads
            ],
            settings.redirection_argv(nowhere),
            template_sha256,
        ],
        sort_keys=True,
    )
    addresses = {layout.control: "control"} | {address: name for name, address in layout.pods.items()}
    for address in sorted(addresses, key=len, reverse=True):
        text = text.replace(address, f"<{addresses[address]}>")
    return hashlib.sha256(text.encode()).hexdigest()
