"""Service Mesh Performance: describe, capture and compare what a service mesh costs, in your own environment.

Importing this package loads nothing heavy; each verb and each layer imports what it needs itself.

    >>> frame = meshperf.read_results("results/first", "fortio.json").to_pandas()  # doctest: +SKIP

`read_results` is `meshperf.experiment.result_reading.read_results`, loaded when it is first asked for.
"""

from typing import Any

__all__ = ["__version__", "read_results"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`read_results`, by name and not by import: the layers below may import this package."""
    if name == "read_results":
        from importlib import import_module

        return import_module("meshperf.experiment.result_reading").read_results
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
