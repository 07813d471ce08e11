"""Files written whole or not at all. Knows nothing of what is in them, and no PyTorch."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from inkdigits.errors import OutputError


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file in one step: whoever reads sees the old one or the new one, also after `kill -9`.

    Raises:
        OutputError: no space, no permission, no such folder; the old file is untouched.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as e:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise OutputError(
            f"{path}: can't be written ({e.strerror}); free space or name another folder"
        ) from e


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
