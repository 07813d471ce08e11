"""Check digits: known numbers pass, every wrong digit is found, swaps are found where the docs say so."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkdigits.checks import NAMES, Check, check_named
from inkdigits.errors import UsageError

quickly = settings(deadline=None)  # no deadline: machines are busy at times
KNOWN = {
    "luhn": ["79927398713", "4539578763621486", "490154203237518", "18"],
    "ean": ["4006381333931", "73513537", "036000291452", "10614141000415"],
    "isbn13": ["9780306406157", "9783161484100", "9791090636071"],
    "aba": ["111000025", "021000021", "122105155"],
    "verhoeff": ["2363", "123451", "1428570"],
    "iban": ["89370400440532013000", "611904300234573201", "68539007547034", "9121000418450200051332"],
    "iban:DE": ["89370400440532013000"],
    "iban:AT": ["611904300234573201"],
    "iban:BE": ["68539007547034"],
    "iban:ES": ["9121000418450200051332"],
    "iban:NO": ["9386011117947"],
    "iban:PL": ["61109010140000071219812874"],
    "iban:SE": ["4550000000058398257466"],
    "iban:CH": ["9300762011623852957"],
    "iban:TR": ["330006100519786457841326"],
    "iban:AL": ["47212110090000000235698741"],
}
# swaps of neighbours that stay unnoticed: sets of two digits, by check
MISSED = {
    "luhn": lambda a, b: {a, b} == {"0", "9"},
    "ean": lambda a, b: abs(int(a) - int(b)) == 5,
    "isbn13": lambda a, b: abs(int(a) - int(b)) == 5,
    "aba": lambda a, b: abs(int(a) - int(b)) == 5,
    "verhoeff": lambda a, b: False,  # noqa: ARG005
    "iban:DE": lambda a, b: False,  # noqa: ARG005
}


@st.composite
def valid(draw: st.DrawFn) -> tuple[Check, str]:
    """A check, and a number that passes it."""
    check = check_named(draw(st.sampled_from(sorted(MISSED))))
    length = draw(st.sampled_from(sorted(check.lengths)[:15]))
    if check.name == "iban:DE":
        account = draw(st.text("0123456789", min_size=length - 2, max_size=length - 2))
        return check, next(f"{n:02}{account}" for n in range(100) if check.passes(f"{n:02}{account}"))
    begin = draw(st.sampled_from(["978", "9791"])) if check.name == "isbn13" else ""
    size = length - 1 - len(begin)
    body = begin + draw(st.text("0123456789", min_size=size, max_size=size))
    return check, next(body + d for d in "0123456789" if check.passes(body + d))


@pytest.mark.parametrize(("name", "number"), [(n, number) for n, all_ in KNOWN.items() for number in all_])
def test_known_numbers_pass(name: str, number: str) -> None:
    assert check_named(name).passes(number)
    assert check_named(name.upper()).passes(number)


@quickly
@given(valid(), st.data())
def test_every_single_wrong_digit_is_found(pair: tuple[Check, str], data: st.DataObject) -> None:
    check, number = pair
    place = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != number[place]]))
    assert not check.passes(number[:place] + other + number[place + 1 :])


@quickly
@given(valid(), st.data())
def test_swaps_of_neighbours_are_found_but_for_those_said(
    pair: tuple[Check, str], data: st.DataObject
) -> None:
    check, number = pair
    place = data.draw(st.integers(0, len(number) - 2))
    a, b = number[place : place + 2]
    swapped = number[:place] + b + a + number[place + 2 :]
    prefix_kept = check.name != "isbn13" or place > 3
    if a != b and prefix_kept:
        assert check.passes(swapped) == MISSED[check.name](a, b)


@pytest.mark.parametrize("name", NAMES)
def test_one_number_in_ten_passes_by_chance_or_fewer(name: str) -> None:
    check = check_named(name)
    length = max(check.lengths & set(range(25)))
    start = 978 * 10 ** (length - 3) if name == "isbn13" else 10 ** (length - 1)
    passed = sum(check.passes(str(start + 7919 * i)) for i in range(2000))
    assert 0 < passed <= 2000 * 0.13


def test_other_lengths_and_characters_never_pass() -> None:
    assert not check_named("isbn13").passes("978030640615")
    assert not check_named("aba").passes("1110000250")
    assert not check_named("iban:DE").passes("611904300234573201")
    for digits in ("", "0", "7992739871x", "７９９２７３９８７１３", "-18", "1 8"):
        assert not check_named("luhn").passes(digits)
    assert not check_named("isbn13").passes("4006381333931"), "an article, no book"
    assert not check_named("isbn13").passes("9790260000438"), "printed music"


def test_a_named_country_is_stricter_than_any() -> None:
    number = "89370400440532013000"
    assert check_named("iban").passes(number)
    assert not check_named("iban:ME").passes(number)
    assert len(check_named("iban").lengths) > 5
    assert check_named("iban:de").lengths == {20}


@pytest.mark.parametrize("name", ["", "crc", "luhn ", "luhn:DE", "iban:", "iban:GB", "iban:XX", "iban:DEU"])
def test_unknown_checks_are_refused_with_what_is_known(name: str) -> None:
    with pytest.raises(UsageError, match=re.escape(repr(name))) as caught:
        check_named(name)
    assert "choose" in str(caught.value)
    assert "\n" not in str(caught.value)
