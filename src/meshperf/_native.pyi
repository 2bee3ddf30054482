from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

class EngineError(Exception):
    """The engine could not do what was asked: `(code, message)`."""

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

def build_profile() -> str: ...
def version() -> str: ...
