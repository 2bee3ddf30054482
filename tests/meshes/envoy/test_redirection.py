"""Rules of redirection, as data; `test_pods` sees them at work."""

from __future__ import annotations

import pytest

from meshperf.errors import PrerequisiteError
from meshperf.meshes.envoy import redirection
from meshperf.meshes.envoy.redirection import MARK, require_iptables, rules


def test_what_the_sidecar_sends_is_exempt_before_anything_is_redirected() -> None:
    lines = [" ".join(rule) for rule in rules(inbound=True)]
    outgoing = [line for line in lines if "OUTPUT" in line]
    assert [line.rpartition("-j ")[2] for line in outgoing] == ["RETURN", "RETURN", "REDIRECT --to-ports 15001"]
    assert f"--mark {MARK}" in outgoing[1]
    assert [line for line in lines if "PREROUTING" in line and line.endswith("--to-ports 15006")]


def test_a_pod_without_a_service_takes_no_calls() -> None:
    assert not [rule for rule in rules(inbound=False) if "PREROUTING" in rule]


def test_without_the_program_the_arm_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redirection, "base_environment", lambda: {"PATH": "/nowhere"})
    with pytest.raises(PrerequisiteError, match="iptables") as refused:
        require_iptables()
    assert refused.value.code == "MP3005"
