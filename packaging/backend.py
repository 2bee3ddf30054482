"""PEP 517 backend: maturin, plus the workload executable that a wheel must carry.

The measured workload is a plain Rust program (no interpreter in a measured process), and maturin
builds either an extension module or programs, not both. So the program is built first and placed
in the package, from where maturin takes it as data.
"""

import maturin
from maturin import *  # noqa: F403  (the hooks we do not change)
from programs import build_programs

Settings = dict[str, str] | None


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    build_programs()
    return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    build_programs()
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)
