"""Refusing requests while all room is taken, as cheaply as it can be done. Knows bytes; knows no application.

Under five times the load that can be answered, four of five requests are refused, and what that costs is
taken from the fifth. The way through parser, task, middlewares and log takes a fifth of a millisecond. Here a
parser without callbacks finds where the request ends, and ready bytes go out.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from dataclasses import dataclass

import httptools

from inkdigits.server.problems import later

STATE = "room"  # where an application's lifespan puts it, and connections find it

_WORK = (b"POST /v1", b"POST /v2")
_ASKS_FIRST = b"xpect: 100"  # its body comes when it is told to send it: not a case for being quick
_ANSWER = later("overloaded", "as many requests are being answered as may be; try again shortly", 1).alone(
    close=False
)


@dataclass
class Room:
    """How many requests are at work.

    Attributes:
        most: that may be.
        taken: that are. A request counts once its body is there: who sends slowly keeps nobody out.
        coming: that are there whole since the loop's last turn, and take their place in this one.
    """

    most: int
    taken: int = 0
    coming: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the next one has to wait."""
        return self.taken >= self.most

    def sheds(self, data: bytes) -> bool:
        """Whether the request that begins with these bytes is refused at once."""
        full = self.taken + self.coming >= self.most
        return full and data.startswith(_WORK) and _ASKS_FIRST not in data

    def expect(self, loop: AbstractEventLoop) -> None:
        """A request is there whole; its task will take its place before the loop looks at sockets again."""
        if not self.coming:
            loop.call_soon(self._settle)
        self.coming += 1

    def _settle(self) -> None:
        self.coming = 0


class Refusal:
    """A request that is refused, from its first byte to its last; or several, one after the other."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        from inkdigits.server.metrics import count_rejected  # not before `serving` has told it its folder

        self._count = count_rejected
        self._parser = httptools.HttpRequestParser(self)
        self._whole = self._stays = True
        self._ended = 0

    def on_message_begin(self) -> None:
        """The parser found the first byte."""
        self._whole = False

    def on_message_complete(self) -> None:
        """The parser found the last one."""
        self._whole = True
        self._stays = self._parser.should_keep_alive()
        self._ended += 1

    def feed(self, data: bytes) -> tuple[bytes, bool, bool]:
        """Takes bytes.

        Returns:
            What to answer, whether all is there that has begun, whether the connection stays open.

        Raises:
            httptools.HttpParserError: not HTTP.
        """
        self._ended = 0
        self._parser.feed_data(data)
        self._count("overloaded", self._ended)
        return _ANSWER * self._ended, self._whole, self._stays
