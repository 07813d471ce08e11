"""What is said when there is more to do than can be done. Knows nobody."""

from __future__ import annotations


class Overloaded(Exception):
    """More is waiting than should wait; nothing of this request was done.

    Attributes:
        retry_after: seconds until it makes sense to ask again.
    """

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        """Says what is full, and for how long.

        Args:
            detail: one line.
            retry_after: seconds.
        """
        super().__init__(detail)
        self.retry_after = retry_after


class ShuttingDown(Overloaded):
    """The server finishes what it has and takes nothing new."""
