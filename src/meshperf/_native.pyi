from collections.abc import Callable, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Self

class EngineError(Exception):
    """The engine could not do what was asked: `(code, message)`."""

class ProtoError(Exception):
    """A `.proto` file that does not compile: `(message, file, line, column)`, the last three None where unknown."""

class Session:
    def __new__(cls, plan_json: str) -> Self: ...
    def run(
        self,
        phases_json: str,
        on_progress: Callable[[dict[str, Any]], object] | None = None,
        interval_s: float = 0.25,
    ) -> dict[str, Any]: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
        /,
    ) -> None: ...

def compile_proto(files: Sequence[str | PathLike[str]], includes: Sequence[str | PathLike[str]]) -> bytes: ...
def build_profile() -> str: ...
def version() -> str: ...
