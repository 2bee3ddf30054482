"""Build the engine and the programs in release mode and make this checkout importable from the environment.

The same as an editable install, without asking an index for the build backend: only cargo is run. The module is placed
in the source tree (git ignores it) and one path file leads the environment there.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from programs import ROOT, build_programs, place, target_folder

SCRIPT = """#!{python}
import sys

from meshperf.cli import main

sys.exit(main())
"""


def build_engine() -> Path:
    """Build `meshperf._native` and place it in the source tree. Returns its path."""
    # Symbols of Python come from the process that loads the module, not from a library that may not be there.
    environment = {**os.environ, "PYO3_PYTHON": sys.executable, "PYO3_BUILD_EXTENSION_MODULE": "1"}
    subprocess.run(
        ["cargo", "build", "--release", "--locked", "--package", "meshperf-python"],
        cwd=ROOT,
        check=True,
        env=environment,
    )
    return place(target_folder() / "release" / "lib_native.so", ROOT / "src" / "meshperf" / "_native.abi3.so")


def link_environment() -> None:
    """Make `import meshperf` and the command `meshperf` work in the environment that runs this."""
    site = Path(sysconfig.get_path("purelib"))
    (site / "meshperf-checkout.pth").write_text(f"{ROOT / 'src'}\n")
    command = Path(sysconfig.get_path("scripts")) / "meshperf"
    command.write_text(SCRIPT.format(python=sys.executable))
    command.chmod(0o755)


if __name__ == "__main__":
    for program in build_programs():
        print(program)
    print(build_engine())
    link_environment()
