"""Where and on what something was measured: what every record says."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parent.parent


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())


def commit(watched: Sequence[str] = ()) -> str:
    """The commit that was measured.

    Args:
        watched: paths; says so where something in them differs from the commit.
    """
    said = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
    if not watched:
        return said
    changed = subprocess.check_output(["git", "status", "--porcelain", "--", *watched], cwd=ROOT, text=True)
    return f"{said} with uncommitted changes" if changed.strip() else said


def installed(package: str) -> str | None:
    """Its version; None where it isn't."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
