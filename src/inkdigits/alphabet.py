"""What a line is read as: the line network's classes, in order. Knows nobody."""

from __future__ import annotations

DIGITS = "0123456789"
MARKS = ".,-/"
OTHER = "?"  # ink that is neither: letters, words, signs, drawings; one for each connected run
CLASSES = ("", *DIGITS, *MARKS, OTHER)  # the first is CTC's blank
LONGEST = 40  # digits, of a number that a caller may ask for
