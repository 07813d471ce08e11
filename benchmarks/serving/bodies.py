"""Which hostile requests are sent, and how many of each kind: the same ones every time.

Those that are sent in one go are made by `malformed`; senders that take their time are made here.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from serving import bombs, malformed, pictures
from serving.malformed import PATHS, Make, headed, wrapped
from serving.pictures import File

HEAVY, SLOW_EACH = 0.1, 25  # share of the usual number for what takes long; how many of each slow kind
ENDLESS, ENDLESS_COUNT = "PDF that draws for days", 8  # each takes all the time that a request may take


@dataclass(frozen=True)
class Hostile:
    """One hostile request.

    Attributes:
        kind: what is wrong with it.
        pieces: what is sent, with `wait` seconds after each.
        wait: seconds.
        leaves: whether its sender goes away then, without waiting for an answer.
        answerable: whether there is a request at all that can be answered.
    """

    kind: str
    pieces: tuple[bytes, ...]
    wait: float = 0.0
    leaves: bool = False
    answerable: bool = True


def make_ready() -> None:
    """Makes each kind once, as packing a gigabyte takes seconds the first time."""
    for make in KINDS.values():
        make(random.Random(0))


def quick_bodies(count: int, seed: int = 0) -> Iterator[Hostile]:
    """So many requests that are sent in one go, mixed; each is made when it is asked for."""
    chance = random.Random(seed)
    usual = [kind for kind in KINDS if kind != ENDLESS]
    kinds = [*usual, *[ENDLESS] * ENDLESS_COUNT][:count]  # each at least once
    weights = [HEAVY if kind in HEAVY_KINDS else 1.0 for kind in usual]
    kinds += chance.choices(usual, weights, k=count - len(kinds))
    chance.shuffle(kinds)
    return (Hostile(kind, (KINDS[kind](chance),)) for kind in kinds)


def slow_bodies(each: int = SLOW_EACH, seed: int = 1) -> list[Hostile]:
    """So many of each kind of sender that takes its time, or goes away."""
    chance = random.Random(seed)
    return [make(chance) for make in SLOW for _ in range(each)]


KINDS: dict[str, Make] = {
    **malformed.KINDS,
    "noise as a picture": wrapped(lambda chance: chance.randbytes(chance.randrange(1, 50_000))),
    "text as a picture": wrapped(lambda chance: b"<!doctype html>" + b"<p>7</p>" * chance.randrange(1_000)),
    **{
        f"{kind}: cut": wrapped(partial(bombs.cut, kind))
        for kind in ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP")
    },
    **{
        f"{kind}: noise": wrapped(partial(bombs.scrambled, kind))
        for kind in ("PNG", "JPEG", "TIFF", "WEBP", "GIF")
    },
    "PPM: cut": wrapped(partial(bombs.cut, "PPM")),
    "HEIC: cut": wrapped(partial(bombs.cut, "HEIC")),
    "HEIC: noise": wrapped(partial(bombs.scrambled, "HEIC")),
    "PDF: cut": wrapped(bombs.pdf_cut),
    "PDF: noise": wrapped(bombs.pdf_noise),
    "PNG of 10^10 pixels": wrapped(bombs.png_pixels),
    "PNG with a gigabyte of text": wrapped(bombs.png_text),
    "PNG with a gigabyte of profile": wrapped(bombs.png_profile),
    "GIF of 4·10^9 pixels": wrapped(bombs.gif_pixels),
    "BMP of 4·10^18 pixels": wrapped(bombs.bmp_pixels),
    "PNM of 10^10 pixels": wrapped(bombs.pnm_pixels),
    "JPEG of 4·10^9 pixels": wrapped(bombs.jpeg_pixels),
    "WebP of 2^48 pixels": wrapped(bombs.webp_pixels),
    "TIFF of 10^12 pixels": wrapped(bombs.tiff_pixels),
    "TIFF of 4·10^9 strips": wrapped(bombs.tiff_count),
    "TIFF of 3,000 pages": wrapped(lambda _: bombs.tiff_pages(), "/v1/read"),
    "zip of zips": wrapped(lambda _: bombs.nested_zip()),
    "SVG, a billion laughs": wrapped(bombs.laughs),
    "PDF of kilometres": wrapped(bombs.pdf_box),
    "PDF of 5,000 pages": wrapped(bombs.pdf_pages, "/v1/read"),
    ENDLESS: wrapped(bombs.pdf_endless),
}
HEAVY_KINDS = {
    *("22 MB in endless chunks", "a header of 4 MB", "100,000 headers", "multipart: 50,000 parts"),
    *("JSON: 300,000 pictures", "PNG of 10^10 pixels", "PNG with a gigabyte of text"),
    *("PNG with a gigabyte of profile", "zip of zips", "TIFF of 3,000 pages", "PDF of kilometres"),
    *("HEIC: cut", "HEIC: noise", "PDF: cut", "PDF: noise", "PDF of 5,000 pages"),
}


# ---- senders that are slow


def slow_head(_: random.Random) -> Hostile:
    """A byte of the head every half second."""
    return Hostile("a head byte by byte", tuple(bytes([b]) for b in headed(b"Content-Length: 1")), 0.5)


def slow_body(chance: random.Random) -> Hostile:
    """The head, then a byte of the body every half second."""
    whole = pictures.multipart(File("a.png", bombs.whole("PNG")), chance.choice(PATHS))
    head, _, body = whole.partition(b"\r\n\r\n")
    return Hostile("a body byte by byte", (head + b"\r\n\r\n", *(bytes([b]) for b in body)), 0.5)


def stalled(chance: random.Random) -> Hostile:
    """Half of a body, then nothing."""
    whole = pictures.multipart(File("a.png", bombs.whole("PNG")), chance.choice(PATHS))
    return Hostile("half a body, then nothing", (whole[: len(whole) // 2],))


def short(_: random.Random) -> Hostile:
    """A longer Content-Length than the body."""
    return Hostile("a body shorter than its length", (headed(b"Content-Length: 500", struct.pack("<I", 7)),))


def silent(_: random.Random) -> Hostile:
    """A connection without a byte."""
    return Hostile("connections without a word", (), answerable=False)


def gone(chance: random.Random) -> Hostile:
    """Half of a body, then the sender goes."""
    whole = pictures.multipart(File("a.png", bombs.whole("PNG")), chance.choice(PATHS))
    pieces = (whole[: chance.randrange(1, len(whole))],)
    return Hostile("senders that go away", pieces, leaves=True, answerable=False)


def flood(_: random.Random) -> Hostile:
    """200 MB of headers, for as long as they are taken."""
    lines = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 1_000) for number in range(1_000))
    return Hostile("200 MB of headers", (b"POST /v1/classify HTTP/1.1\r\nHost: x\r\n", *[lines] * 200))


SLOW: tuple[Callable[[random.Random], Hostile], ...] = (
    *(slow_head, slow_body, stalled, short, silent, gone),
    flood,
)
