"""Counters of a pod's interfaces, on made-up trees and on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshperf.telemetry.interfaces import read_interfaces

HEAD = "Inter-|   Receive    |  Transmit\n face |bytes packets errs drop fifo frame|bytes packets\n"
ROWS = "    lo: 9000 10 0 0 0 0 0 0 9000 10 0 0 0 0 0 0\n  eth0: 5000 7 0 0 0 0 0 0 12000 9 0 0 0 0 0 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for name, namespace in (("self", "net:[1]"), ("77", "net:[2]"), ("78", "net:[1]")):
        (tmp_path / name / "ns").mkdir(parents=True)
        (tmp_path / name / "ns" / "net").symlink_to(namespace)
        (tmp_path / name / "net").mkdir()
        (tmp_path / name / "net" / "dev").write_text(HEAD + ROWS)
    return tmp_path


def test_all_interfaces_of_a_pod_but_its_loopback_are_summed(proc: Path) -> None:
    (proc / "77/net/dev").write_text(HEAD + ROWS + "  eth1:100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n")
    found = read_interfaces(77, proc=proc)
    assert (found.bytes_in, found.bytes_out, found.unavailable) == (5100, 12200, "")


def test_a_process_in_the_machines_own_network_has_no_pod(proc: Path) -> None:
    found = read_interfaces(78, proc=proc)
    assert found.bytes_in is None and "no pod" in found.unavailable
    assert "no pod" in read_interfaces(os.getpid()).unavailable


def test_a_process_that_is_gone_and_a_file_of_an_odd_form_are_told(proc: Path) -> None:
    assert "process 99" in read_interfaces(99, proc=proc).unavailable
    (proc / "77/net/dev").write_text(HEAD + "  eth0: many\n")
    assert "unexpected form" in read_interfaces(77, proc=proc).unavailable
