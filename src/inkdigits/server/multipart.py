"""multipart/form-data as it comes, kept in memory: files and fields. Knows no pictures."""

from __future__ import annotations

import re

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from inkdigits.server.problems import Problem

FIELDS = 32  # parts that are no files; there are fewer options
FIELD_BYTES = 4096  # of one of them
PIECE = 64 * 2**10  # bytes that are parsed in one go
PLAIN_HEAD = 1024  # bytes of headers that are read without the parser

_PLAIN_FIELD = re.compile(rb"([A-Za-z-]+): ([!-~][ -~]*)")

Part = tuple[str | None, bytes]
"""A file's name and its content."""


class Form:
    """A body of multipart/form-data, fed chunk by chunk."""

    def __init__(self, parameters: str, max_files: int) -> None:
        """Begins one.

        Args:
            parameters: what follows `multipart/form-data;`, with the boundary.
            max_files: that it may hold.

        Raises:
            Problem: there is no boundary, or one that can't be.
        """
        _, options = parse_options_header("multipart/form-data;" + parameters)
        self._max_files = max_files
        self._files: list[Part] = []
        self._fields: dict[str, str] = {}
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()  # of the header that is being read
        self._data: list[bytes] = []
        self._ended = False
        self._plain: bool | None = None  # whether it is one plain part, that came in one go
        self._boundary: bytes = options.get(b"boundary", b"")
        try:
            self._parser = MultipartParser(options.get(b"boundary", b""), self._callbacks())  # type: ignore[arg-type]
        except FormParserError as e:
            raise Problem("malformed-body", f"multipart/form-data: {e}") from None
        if not options.get(b"boundary"):
            raise Problem("malformed-body", "multipart/form-data without a boundary in its Content-Type")

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes.

        Raises:
            Problem: not multipart, or too many parts.
        """
        if self._plain is None:
            self._plain = self._is_one_part(chunk)
        if self._plain:  # whatever comes after its end doesn't count
            return
        try:
            self._parser.write(chunk)
        except FormParserError as e:
            raise Problem("malformed-body", f"not what multipart/form-data may be: {str(e)[:120]}") from None

    def end(self) -> tuple[list[Part], dict[str, str]]:
        """The files and the fields, once all was fed.

        Raises:
            Problem: it was cut short.
        """
        if not self._ended:
            raise Problem("malformed-body", "multipart/form-data without its last boundary; it was cut short")
        return self._files, self._fields

    def _is_one_part(self, body: bytes) -> bool:
        """Takes a whole body that is one plain part, as most are; False of any other, which the parser reads.

        The parser goes through headers byte by byte, in Python, and takes as long for them as decoding takes.
        """
        begin, end = b"--%b\r\n" % self._boundary, b"\r\n--%b--\r\n" % self._boundary
        if not (body.startswith(begin) and body.endswith(end) and body.count(self._boundary) == 2):
            return False
        head, found, _ = body[len(begin) : -len(end)].partition(b"\r\n\r\n")
        if not found or len(head) > PLAIN_HEAD:
            return False
        fields = [_PLAIN_FIELD.fullmatch(line) for line in head.split(b"\r\n")]
        if not all(fields):
            return False
        self._headers = {field[1].lower(): field[2] for field in fields if field}
        self._data = [body[len(begin) + len(head) + 4 : -len(end)]]
        self._part()
        self._ended = True
        return True

    # ---- what the parser calls

    def _callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_part_data": lambda data, start, end: self._data.append(data[start:end]),
            "on_part_end": self._part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self._files) + len(self._fields) >= self._max_files + FIELDS:
            raise self._too_many()
        self._headers, self._data = {}, []

    def _header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _part(self) -> None:
        """A part is a file if it has a file's name, or says that it is a picture; else it is a field."""
        _, said = parse_options_header(self._headers.get(b"content-disposition", b""))
        content = self._data[0] if len(self._data) == 1 else b"".join(self._data)
        name = said.get(b"filename")
        if name is not None or self._headers.get(b"content-type", b"").startswith(
            (b"image/", b"application/")
        ):
            if len(self._files) >= self._max_files:
                raise self._too_many()
            self._files.append((_text(name)[-255:] if name else None, content))
        else:
            self._add_field(_text(said.get(b"name", b"")), content)

    def _add_field(self, name: str, content: bytes) -> None:
        if len(content) > FIELD_BYTES:
            told = f"field {name[:80]!r} has more than {FIELD_BYTES} bytes; a file needs a filename"
            raise Problem("body-too-large", told, limit=FIELD_BYTES)
        if name in self._fields:
            raise Problem("usage", f"option {name[:80]}: given more than once")
        self._fields[name] = _text(content)

    def _end(self) -> None:
        self._ended = True

    def _too_many(self) -> Problem:
        told = f"more than the {self._max_files} files of one request; send them in several"
        return Problem("body-too-large", told, limit=self._max_files)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
