"""Check digits: which numbers can be right. Knows numbers as strings of digits, no pictures, no networks.

Each algorithm finds every single wrong digit. The docstrings say which swaps of neighbours it misses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inkdigits.alphabet import LONGEST
from inkdigits.errors import UsageError

NAMES = ("luhn", "iban", "isbn13", "ean", "aba", "verhoeff")


@dataclass(frozen=True)
class Check:
    """A kind of number that carries check digits.

    Attributes:
        name: as the caller wrote it.
        lengths: how many digits such a number can have, check digits included.
        holds: whether digits of such a length are a right number.
    """

    name: str
    lengths: frozenset[int]
    holds: Callable[[str], bool]

    def passes(self, digits: str) -> bool:
        """Whether these digits can be such a number, none mistaken."""
        return len(digits) in self.lengths and digits.isascii() and digits.isdigit() and self.holds(digits)


def check_named(name: str) -> Check:
    """The check of a name: `luhn`, `iban`, `iban:DE`, `isbn13`, `ean`, `aba`, `verhoeff`.

    Raises:
        UsageError: no such check, or no country whose account numbers can be digits alone.
    """
    kind, colon, country = name.lower().partition(":")
    if kind == "iban" and colon:
        return _iban_of(name, country.upper())
    if name.lower() not in _CHECKS:
        raise UsageError(f"check {name!r}: not known; choose from {', '.join(NAMES)}, iban:DE and so on")
    lengths, holds = _CHECKS[name.lower()]
    return Check(name, frozenset(lengths), holds)


def luhn(digits: str) -> bool:
    """Payment cards, IMEI and others: ISO/IEC 7812-1, annex B. Misses the swap of 0 and 9."""
    odd, even = digits[::-1][::2], digits[::-1][1::2]
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in even)
    return (sum(map(int, odd)) + sum(doubled)) % 10 == 0


def ean(digits: str) -> bool:
    """Article numbers (EAN-8, UPC-A, EAN-13, GTIN-14): GS1 General Specifications, section 7.9.

    Misses swaps of digits that differ by 5.
    """
    return (sum(map(int, digits[::-1][::2])) + 3 * sum(map(int, digits[::-1][1::2]))) % 10 == 0


def isbn13(digits: str) -> bool:
    """Books: ISO 2108, an EAN-13 from 978 or 979 on; 9790 is printed music. Misses what `ean` does."""
    return digits.startswith(("978", "979")) and not digits.startswith("9790") and ean(digits)


def aba(digits: str) -> bool:
    """Routing numbers of American banks: weights 3, 7, 1. Misses swaps of digits that differ by 5.

    Which first digits are in use isn't asked: that is a register, not arithmetic.
    """
    return sum(int(d) * weight for d, weight in zip(digits, (3, 7, 1) * 3, strict=True)) % 10 == 0


def verhoeff(digits: str) -> bool:
    """Aadhaar numbers and others: J. Verhoeff, Error Detecting Decimal Codes, 1969. Finds all swaps."""
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = _product(state, _PERMUTATIONS[place % 8][int(digit)])
    return state == 0


def iban_of(country: str, digits: str) -> bool:
    """An account number of ISO 13616, its country's letters known: ISO/IEC 7064, MOD 97-10. Finds all swaps.

    Args:
        country: two capital letters.
        digits: what follows them: two check digits, then the account.
    """
    letters = "".join(str(ord(letter) - ord("A") + 10) for letter in country)
    return int(digits[2:] + letters + digits[:2]) % 97 == 1


def iban(digits: str) -> bool:
    """An account number whose letters weren't read: right for any country that has accounts of digits alone.

    Up to six countries share a length, so up to six times as many wrong numbers pass as with a named one.
    """
    return any(iban_of(country, digits) for country, length in _ACCOUNTS.items() if length + 2 == len(digits))


def _iban_of(name: str, country: str) -> Check:
    length = (_ACCOUNTS | _ACCOUNTS_WITH_LETTERS).get(country)
    if length is None:
        known = ", ".join(sorted(_ACCOUNTS | _ACCOUNTS_WITH_LETTERS))
        raise UsageError(
            f"check {name!r}: only accounts of digits can be read; choose a country from {known}"
        )
    return Check(name, frozenset({length + 2}), lambda digits: iban_of(country, digits))


def _product(a: int, b: int) -> int:
    """Of two symmetries of a pentagon: 0 to 4 turn it, 5 to 9 turn it over first."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


def _permutations() -> list[tuple[int, ...]]:
    """Verhoeff's permutation, applied none to seven times."""
    rows = [tuple(range(10))]
    for _ in range(7):
        rows.append(tuple((1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit] for digit in rows[-1]))
    return rows


_PERMUTATIONS = _permutations()


def _by_country(entries: str) -> dict[str, int]:
    return {entry[:2]: int(entry[2:]) for entry in entries.split()}


# Digits after country and check digits, from the IBAN registry of ISO 13616's registration authority. First
# the countries whose accounts are digits alone, then those whose accounts may hold letters, too, and can be
# read where one doesn't. In all others (such as GB, IE, IT, NL) every account has letters.
_ACCOUNTS = _by_country(
    "AE19 AT16 BA16 BE12 BI23 CR18 CZ20 DE18 DJ23 DK14 EE16 EG25 ES20 FI14 FO14 GL14 HR17 HU24 IL19 IS22 LT16"
    " LY21 ME18 MN16 MR23 NO11 PL24 PT21 RS18 SD14 SE20 SI15 SK20 SO19 ST21 TL19 TN20 VA18 XK16"
)
_ACCOUNTS_WITH_LETTERS = _by_country(
    "AD20 AL24 BY24 CH17 CY24 DO24 FR23 GR23 GT24 KZ16 LB24 LI17 LU16 MC23 MD20 MK15 OM19 SA20 TR22 UA25"
)

_ANY = range(2, LONGEST + 1)
_CHECKS: dict[str, tuple[range | set[int], Callable[[str], bool]]] = {
    "luhn": (_ANY, luhn),
    "iban": ({length + 2 for length in _ACCOUNTS.values()}, iban),
    "isbn13": ({13}, isbn13),
    "ean": ({8, 12, 13, 14}, ean),
    "aba": ({9}, aba),
    "verhoeff": (_ANY, verhoeff),
}
