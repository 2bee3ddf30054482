"""How even the sending was: the index of dispersion of requests sent in windows of equal length.

    D(w) = variance / mean   of the numbers of requests sent in windows of w ms

0 is perfectly even, 1 is a Poisson process, more is bursty. An open loop that asks for a constant rate and sends in
bursts measures its own bursts: the target's queue is theirs.

What it assumes: windows of one rate. A ramp, or a change of rate between phases, is a spread of its own.
What it refuses: an index of fewer than 20 windows, or of nothing sent; both are unknown and not 0.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

__all__ = ["FEWEST_WINDOWS", "index_of_dispersion"]

FEWEST_WINDOWS = 20
"""The index of n windows of a Poisson process has a standard error of sqrt(2 / (n - 1)): 0.32 here, 0.045 for 1000."""


def index_of_dispersion(sends_per_ms: Iterable[bytes], window_ms: int) -> float | None:
    """Variance by mean of the requests sent in windows of `window_ms`, over all stretches together.

    Args:
        sends_per_ms: of each stretch, requests sent in each of its milliseconds, as little-endian u32
            (`PhaseRecording.sends_per_ms`). Windows never reach over two stretches, and a rest shorter than a window
            is left out.
        window_ms: length of a window in milliseconds, at least 1.

    Returns:
        Dimensionless, at least 0; None where fewer than 20 windows or no requests are there.

    Source:
        Cox & Lewis (1966), The Statistical Analysis of Series of Events, chapter 6: the variance is the unbiased one.
    """
    if window_ms < 1:
        raise ValueError(f"a window is at least 1 ms long, not {window_ms}")
    counted = [_windows(stretch, window_ms) for stretch in sends_per_ms]
    counts = np.concatenate(counted) if counted else np.empty(0, dtype=np.int64)
    if counts.size < FEWEST_WINDOWS or not counts.any():
        return None
    return float(counts.var(ddof=1) / counts.mean())


def _windows(stretch: bytes, window_ms: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    sent = np.frombuffer(stretch, dtype="<u4").astype(np.int64)
    whole = sent.size // window_ms
    return np.asarray(sent[: whole * window_ms].reshape(whole, window_ms).sum(axis=1), dtype=np.int64)
