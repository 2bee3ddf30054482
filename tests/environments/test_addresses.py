"""Loopback addresses of a site."""

from __future__ import annotations

import random
import socket

import pytest

from meshperf.environments.addresses import LoopbackBlock, is_taken
from meshperf.errors import DeploymentError


def test_every_host_has_a_usable_address_of_its_own_and_keeps_it() -> None:
    block = LoopbackBlock.reserve()
    try:
        first, second = block.address("app"), block.address("sidecar")
        assert first != second
        assert block.address("app") == first
        assert first.startswith("127.")
        with socket.create_server((first, 0)) as server:
            assert is_taken(*server.getsockname())
    finally:
        block.release()


def test_two_sites_never_get_the_same_block() -> None:
    first = LoopbackBlock.reserve(random.Random(5))
    second = LoopbackBlock.reserve(random.Random(5))
    try:
        assert first.prefix != second.prefix
    finally:
        first.release()
        second.release()


def test_a_block_in_which_somebody_listens_is_passed_over() -> None:
    free = LoopbackBlock.reserve(random.Random(11))
    prefix = free.prefix
    free.release()
    with socket.create_server((f"{prefix}.77", 0)):
        other = LoopbackBlock.reserve(random.Random(11))
        other.release()
    assert other.prefix != prefix


def test_more_hosts_than_addresses_are_refused() -> None:
    block = LoopbackBlock.reserve()
    try:
        assert len({block.address(f"host-{number}") for number in range(254)}) == 254
        with pytest.raises(DeploymentError) as caught:
            block.address("one too many")
        assert caught.value.code == "MP5103"
    finally:
        block.release()


def test_a_port_counts_as_taken_only_while_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert is_taken(*address)
    assert not is_taken(*address)
