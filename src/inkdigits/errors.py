"""What can go wrong for a user. Knows nobody.

    InkdigitsError
    ├── UsageError            the call is wrong: an unknown option, recipe or format
    ├── MissingExtra          a part that another extra installs
    ├── InputError            something the user gave can't be used
    │   ├── UnreadableImage       not an image, cut short, no such file, no permission
    │   ├── ImageTooLarge         more pixels, bytes or work than the limits
    │   ├── TooManyPages          a document of more pages than the limit
    │   ├── InvalidData           a data set with wrong columns, sizes or labels
    │   └── InvalidWeights        weights of another kind, cut short or changed
    ├── DataUnavailable       no source had a data set that holds its hash
    ├── OutputError           a folder or file that can't be written
    ├── TrainingDiverged      the loss is no longer a number
    ├── TrainingStopped       Ctrl-C or SIGTERM; the run can go on from its last epoch
    └── ParityError           an exported network answers otherwise than the trained one

Each message is one line: what was wrong, with what, what to do. `type` is the stable, hyphenated name
that JSON answers carry.
"""

from __future__ import annotations


class InkdigitsError(Exception):
    """Base of all errors that a user can do something about."""

    type = "error"

    def to_dict(self) -> dict[str, str]:
        """The `error` object of JSON answers."""
        return {"type": self.type, "detail": str(self)}


class UsageError(InkdigitsError):
    """The call is wrong: an unknown option, recipe or format."""

    type = "usage"


class MissingExtra(InkdigitsError):
    """A command or a format needs packages that another extra of inkdigits installs."""

    type = "missing-extra"


class InputError(InkdigitsError):
    """Something the user gave can't be used."""

    type = "input"


class UnreadableImage(InputError):
    """Not an image, cut short, missing, or without permission."""

    type = "unreadable-image"


class ImageTooLarge(InputError):
    """More pixels, bytes or work than the limits allow."""

    type = "image-too-large"


class TooManyPages(InputError):
    """A document of more pages than the limit allows; none of them was read."""

    type = "too-many-pages"


class InvalidData(InputError):
    """A data set with wrong columns, sizes, labels, or nothing in it."""

    type = "invalid-data"


class InvalidWeights(InputError):
    """Weights of another kind, cut short, or with a changed byte."""

    type = "invalid-weights"


class DataUnavailable(InkdigitsError):
    """No source had a data set with the published hash."""

    type = "data-unavailable"


class OutputError(InkdigitsError):
    """A folder or file can't be written."""

    type = "output"


class TrainingDiverged(InkdigitsError):
    """The loss is no longer a finite number."""

    type = "training-diverged"


class TrainingStopped(InkdigitsError):
    """Ctrl-C or SIGTERM ended a training; its last whole epoch is kept."""

    type = "training-stopped"


class ParityError(InkdigitsError):
    """An exported network doesn't answer as the trained one does."""

    type = "parity"
