"""What a fresh process takes to its first answer: time, and memory. Knows the reader, and processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from inkdigits.model import SIDE

_FRESH = "import sys; from inkdigits.startup import answer_once; answer_once(sys.argv[1])"


def first_answer(weights: Path) -> tuple[float, int | None]:
    """Seconds and peak bytes of memory of a process that loads a network and answers for one glyph.

    Args:
        weights: an ONNX file with its card beside it.

    Returns:
        From the process's start to its end; None where the system doesn't say how much memory it had.
    """
    took, said = _process("-c", _FRESH, str(weights))
    return took, int(said) if said.strip() else None


def bare_python() -> float:
    """Seconds of a Python process that does nothing."""
    return _process("-c", "pass")[0]


def _process(*arguments: str) -> tuple[float, str]:
    began = time.perf_counter()
    ended = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return time.perf_counter() - began, ended.stdout


def answer_once(weights: str) -> None:
    """All that a fresh process does: it loads a network, answers for one glyph, prints its peak memory."""
    from inkdigits.reader import Reader

    Reader.load(Path(weights)).classify_glyphs(np.zeros((1, SIDE, SIDE), np.uint8))
    peak = _peak_bytes()
    print("" if peak is None else peak)


def _peak_bytes() -> int | None:
    """Most memory that this process has had; Linux's `ru_maxrss` also counts what was there before `exec`."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return 1024 * int(lines["VmHWM"].split()[0]) if "VmHWM" in lines else None
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
