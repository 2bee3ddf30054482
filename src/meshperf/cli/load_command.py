"""The command line of `meshperf load` as the store keeps it: what a reader types to load again, without secrets.

Made from the options that were given and not from the words of the process, since only an option's name tells that its
value may be a credential.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

import click

from meshperf.spec.redaction import WITHHELD, shown_url

__all__ = ["shown_command"]

_SECRET = frozenset({"headers", "cookies", "metadata", "body", "body_base64", "messages"})
"""Options whose value may be a credential, or holds one."""
_LEFT_OUT = frozenset({"as_json", "no_store"})
"""How the result is shown and kept, which is no part of the load."""


def shown_command(targets: Sequence[str], given: Mapping[str, object], params: Iterable[click.Parameter]) -> str:
    """The command line.

    Args:
        given: the options that were written, by parameter name.
        params: of the verb, which know each option's flag.
    """
    words = ["meshperf", "load", *(shown_url(target) if "://" in target else target for target in targets)]
    for param in params:
        name = param.name or ""
        if name not in given or name in _LEFT_OUT:
            continue
        value = given[name]
        for one in value if isinstance(value, tuple) else (value,):
            words.append(param.opts[0])
            if one is not True:
                words.append(WITHHELD if name in _SECRET else str(one))
    return shlex.join(words)
