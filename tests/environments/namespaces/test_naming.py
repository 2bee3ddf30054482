"""Which namespaces are ours, and which addresses a site hands out."""

from __future__ import annotations

import ipaddress
import random

import pytest

from meshperf.environments.namespaces.naming import Block, is_ours, pod_name, switch_name


def test_names_that_a_site_gives_are_ours_and_fit_an_interface() -> None:
    for name in (switch_name("0a1b2c"), pod_name("0a1b2c", 1), pod_name("ffffff", 4093)):
        assert is_ours(name)
        assert len(name) <= 15  # what an interface's name may have


@pytest.mark.parametrize(
    "name", ["", "mp-", "default", "mp-0a1b2c", "mp-0a1b2c-", "mp-0a1b2c-0", "mp-0A1B2C-1", "mp-0a1b2-1",
             "mp-0a1b2c-sw2", "xmp-0a1b2c-1", "mp-0a1b2c-1/../x", "mp-0a1b2c-1\n", "mp-0a1b2c-12345"]
)  # fmt: skip
def test_any_other_name_is_not_ours(name: str) -> None:
    assert not is_ours(name)


def test_a_block_is_private_and_its_addresses_are_all_different() -> None:
    private = ipaddress.IPv4Network("10.64.0.0/10")
    for seed in range(50):
        block = Block.draw(random.Random(seed))
        assert block.network.subnet_of(private)
        addresses = [block.address(number) for number in (1, 2, 300, block.hosts)]
        assert len({*addresses, block.gateway, str(block.network.broadcast_address)}) == 6
        assert all(ipaddress.ip_address(each) in block.network for each in (*addresses, block.gateway))


def test_two_blocks_are_different_ones_or_the_same_but_never_overlap() -> None:
    drawn = [Block.draw(random.Random(seed)).network for seed in range(100)]
    assert len(set(drawn)) > 80
    assert all(one == other or not one.overlaps(other) for one in drawn for other in drawn)


@pytest.mark.parametrize("number", [0, 4094])
def test_a_pod_outside_the_block_has_no_address(number: int) -> None:
    with pytest.raises(ValueError, match="4093"):
        Block.draw().address(number)
