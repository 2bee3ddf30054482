"""Write the descriptors that the workload's reflection answers with: `python proto/describe.py [TARGET]`.

One encoded `google.protobuf.FileDescriptorProto` a file, into the workload's sources by default, because its build must
need no protobuf compiler. A test runs this into an empty folder and compares.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "crates" / "workload" / "descriptors"
SOURCES = {
    "meshperf/echo/v1/echo.proto": "echo.binpb",
    "grpc/health/v1/health.proto": "health.binpb",
    "grpc/reflection/v1/reflection.proto": "reflection.binpb",
    "grpc/reflection/v1alpha/reflection.proto": "reflection_alpha.binpb",
}


def describe(target: Path) -> None:
    """Write one descriptor for each of the protos into `target`.

    Raises:
        RuntimeError: the protos do not compile.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "all.binpb"
        code = protoc.main(["protoc", f"-I{HERE}", f"--descriptor_set_out={out}", *SOURCES])
        if code != 0:
            raise RuntimeError(f"protoc ended with {code}")
        described = FileDescriptorSet.FromString(out.read_bytes())
    for file in described.file:
        (target / SOURCES[file.name]).write_bytes(file.SerializeToString(deterministic=True))


if __name__ == "__main__":
    describe(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
