"""Pictures of any kind to the bytes that are sent of them. Knows files and arrays; knows no HTTP."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inkdigits.errors import InputError, UnreadableImage

if TYPE_CHECKING:
    from inkdigits.images import Picture

FILES = 32  # in one request: what a server takes unless told otherwise


@dataclass(frozen=True)
class Upload:
    """A picture, ready to be sent.

    Attributes:
        source: what its answer calls it: the path, or the name that the caller gave; None without either.
        filename: what the server calls it, in errors: no more of a path than its end.
        content: a file's bytes as they are; arrays and PIL images as a grey PNG.
    """

    source: str | None
    filename: str
    content: bytes


def upload_of(picture: Picture, name: str | None = None) -> Upload:
    """Takes what `inkdigits.read` takes.

    Raises:
        UnreadableImage: no such file, no permission, nothing in it, an array that is no picture.
        ImageTooLarge: an array or a PIL image beyond the limits.
    """
    if isinstance(picture, str | os.PathLike):
        name = name or os.fspath(picture)
        content = _read(Path(picture), name)
    elif isinstance(picture, bytes):
        content = picture
    elif hasattr(picture, "read"):
        content = _read(picture, name or _called(picture))
    else:
        content = _png(picture, name)
    called = name or _called(picture)
    if not content:
        raise UnreadableImage(f"{called}: empty, it has no bytes")
    # a name needn't be UTF-8; its folders are nobody's business
    filename = os.path.basename(called).encode(errors="backslashreplace").decode()  # noqa: PTH119  (may be no path)
    return Upload(name, filename or "picture", content)


def uploads_of(pictures: Iterable[Picture]) -> Iterator[Upload | InputError]:
    """As `upload_of`; what can't be sent has its error in its place."""
    for picture in pictures:
        try:
            yield upload_of(picture)
        except InputError as e:
            yield e


def batches(uploads: Iterable[Upload | InputError], max_bytes: int) -> Iterator[list[Upload | InputError]]:
    """Runs of uploads, in order, that fit into one request; a large one alone."""
    batch: list[Upload | InputError] = []
    size = 0
    for upload in uploads:
        more = len(upload.content) if isinstance(upload, Upload) else 0
        if batch and (len(batch) == FILES or size + more > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(upload)
        size += more
    if batch:
        yield batch


def _called(picture: object) -> str:
    """An open file's name, if it has one."""
    name = getattr(picture, "filename", "") or getattr(picture, "name", "")
    return name if isinstance(name, str) and name else "picture"


def _read(file: object, name: str) -> bytes:
    """All bytes of a path, or of what has a `read`."""
    try:
        content = file.read_bytes() if isinstance(file, Path) else file.read()  # type: ignore[attr-defined]
    except OSError as e:
        raise UnreadableImage(f"{name}: {(e.strerror or 'can not be read').lower()}") from None
    except ValueError as e:  # a NUL in the path; a closed file
        raise UnreadableImage(f"{name}: can't be read ({e})") from None
    if not isinstance(content, bytes):
        raise UnreadableImage(f"{name}: opened as text; open it in binary mode")
    return content


def _png(picture: Picture, name: str | None) -> bytes:
    """The grey levels that a recogniser here would make of an array or a PIL image, upright."""
    from PIL import Image

    from inkdigits.images import load_grey

    file = io.BytesIO()
    # a fast level: the strongest takes ten times as long for a tenth less
    Image.fromarray(load_grey(picture, name=name)).save(file, "PNG", compress_level=1)
    return file.getvalue()
