"""Names and addresses of pods: which namespaces are ours, and which addresses a site hands out.

A name is `mp-<token>-<n>`, the switch that joins the pods `mp-<token>-sw`. The token is the site's, so that two sites
never meet, and nothing without this form is ever removed. Which host a name stands for is in the site's state file.
"""

from __future__ import annotations

import ipaddress
import random
import re
from dataclasses import dataclass

__all__ = ["Block", "is_ours", "pod_name", "switch_name"]

_OURS = re.compile(r"mp-[0-9a-f]{6}-(sw|[1-9][0-9]{0,3})")
_PREFIX_LENGTH = 20
_BLOCKS = ipaddress.IPv4Network("10.64.0.0/10")


def pod_name(token: str, number: int) -> str:
    """Name of the namespace of the site's pod `number`, counted from 1."""
    return f"mp-{token}-{number}"


def switch_name(token: str) -> str:
    """Name of the namespace that holds the bridge."""
    return f"mp-{token}-sw"


def is_ours(namespace: str) -> bool:
    """Whether a name has the form that only a site gives."""
    return _OURS.fullmatch(namespace) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The addresses of one site: a /20 out of 10.64.0.0/10. Its last address is the gateway that nobody holds."""

    network: ipaddress.IPv4Network

    @classmethod
    def draw(cls, chance: random.Random | None = None) -> Block:
        """A block at random. Sites are isolated anyway; differing addresses keep their logs apart for people."""
        chance = chance or random.SystemRandom()
        size = 1 << (32 - _PREFIX_LENGTH)
        start = int(_BLOCKS.network_address) + size * chance.randrange(_BLOCKS.num_addresses // size)
        return cls(network=ipaddress.IPv4Network((start, _PREFIX_LENGTH)))

    @property
    def hosts(self) -> int:
        """How many pods there can be."""
        return self.network.num_addresses - 3

    @property
    def gateway(self) -> str:
        return str(self.network.broadcast_address - 1)

    def address(self, number: int) -> str:
        """The address of pod `number`, counted from 1."""
        if not 1 <= number <= self.hosts:
            raise ValueError(f"pod {number} of {self.hosts}")
        return str(self.network.network_address + number)
