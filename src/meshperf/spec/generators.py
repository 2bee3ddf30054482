"""The names of load generators: our own engine, and those that can be driven in its place.

They stand here because files name them; how each is driven is in `load.adapters`.
"""

from __future__ import annotations

__all__ = ["GENERATORS", "OWN"]

OWN = "meshperf"
"""Our own engine, which is used unless a file or an option says otherwise."""
GENERATORS = (OWN, "fortio", "wrk", "wrk2", "h2load", "oha", "k6", "vegeta", "ghz", "nighthawk")
"""Every word that `generator` may be, in a file and on the command line."""
