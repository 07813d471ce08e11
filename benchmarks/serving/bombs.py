"""Files that ask for far more than they give, and files that are broken. Knows formats; knows no requests.

What is built here is small on the wire and, for a reader without limits, gigabytes in memory, minutes of
work, or an end that never comes.
"""

from __future__ import annotations

import functools
import gzip
import io
import random
import struct
import zipfile
import zlib

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

GIGABYTE = 2**30


# ---- whole files, to be broken


@functools.cache
def whole(kind: str) -> bytes:
    """A good picture of a digit as a file of some kind; it has grain, so that every byte counts."""
    grain = np.random.default_rng(0).integers(150, 256, (160, 160)).astype(np.uint8)
    image = Image.fromarray(grain)
    ImageDraw.Draw(image).line([(50, 40), (110, 40), (75, 125)], fill=10, width=12)
    content = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image.convert("RGB")).save(content)
    else:
        image.save(content, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return content.getvalue()


def cut(kind: str, chance: random.Random) -> bytes:
    """A good file that ends too early: between an eighth and nine tenths of it."""
    content = whole(kind)
    return content[: int(chance.uniform(0.125, 0.9) * len(content))]


def scrambled(kind: str, chance: random.Random) -> bytes:
    """The beginning of a good file, then noise."""
    content = whole(kind)
    return content[: chance.randrange(8, 40)] + chance.randbytes(len(content))


# ---- pixels


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def png(width: int, height: int, *chunks: bytes, depth: int = 1, colour: int = 0) -> bytes:
    """A PNG of any size, with these chunks after its header."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks) + png_chunk(b"IEND", b"")


@functools.cache
def zeros(size: int, level: int = 9) -> bytes:
    """So many zero bytes, deflated: a thousandth of it."""
    packer, piece = zlib.compressobj(level), bytes(2**20)
    return b"".join(packer.compress(piece) for _ in range(size // len(piece))) + packer.flush()


def png_pixels(chance: random.Random) -> bytes:
    """A picture of up to 10^10 black pixels, which is all there: 1.2 GB of rows in 1.2 MB."""
    side = chance.choice((30_000, 50_000, 100_000))
    return png(side, side, png_chunk(b"IDAT", zeros(GIGABYTE if side == 100_000 else 2**27)))


def png_text(_: random.Random) -> bytes:
    """A text of a gigabyte in a compressed chunk before the pixels, and pixels that are cut short."""
    text = b"Comment\0\0" + zeros(GIGABYTE)
    return png(64, 64, png_chunk(b"zTXt", text), png_chunk(b"IDAT", zeros(2**20)[:20]))


def png_profile(_: random.Random) -> bytes:
    """A colour profile of a gigabyte, and pixels that are cut short."""
    return png(64, 64, png_chunk(b"iCCP", b"x\0\0" + zeros(GIGABYTE)), png_chunk(b"IDAT", zeros(2**20)[:20]))


def gif_pixels(_: random.Random) -> bytes:
    """A canvas of 65,535×65,535."""
    content = bytearray(whole("GIF"))
    content[6:10] = b"\xff" * 4
    return bytes(content)


def bmp_pixels(chance: random.Random) -> bytes:
    """A header that says two thousand million rows, or a negative width."""
    content = bytearray(whole("BMP"))
    content[18:26] = struct.pack(
        "<ii", *chance.choice(((2**31 - 1, 2**31 - 1), (-5, 70_000), (60_000, -60_000)))
    )
    return bytes(content)


def pnm_pixels(chance: random.Random) -> bytes:
    """A text header that says more than there is."""
    return (
        chance.choice((b"P5 99999 99999 255\n", b"P1\n1000000 1000000\n", b"P6 9999999999999 1 65535 "))
        + b"1"
    )


def jpeg_pixels(_: random.Random) -> bytes:
    """A frame of 65,500×65,500 in three colours."""
    content = bytearray(whole("JPEG"))
    at = content.find(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    return bytes(content)


def webp_pixels(_: random.Random) -> bytes:
    """An extended canvas of 2^24 by 2^24, with nothing in it."""
    header = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6
    return b"RIFF" + struct.pack("<I", 4 + len(header)) + b"WEBP" + header


def tiff(*entries: tuple[int, int, int, int], after: int = 0) -> bytes:
    """A TIFF of one directory: tag, type, count, value each; then where the next directory is."""
    fields = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + fields + struct.pack("<I", after)


def tiff_pixels(_: random.Random) -> bytes:
    """A directory that says a million by a million."""
    sizes = ((256, 4, 1, 10**6), (257, 4, 1, 10**6), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))
    return tiff(*sizes, (273, 4, 1, 8), (279, 4, 1, 2**31))


def tiff_count(_: random.Random) -> bytes:
    """A directory whose strip offsets are said to be four thousand million."""
    sizes = ((256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))
    return tiff(*sizes, (273, 4, 2**32 - 1, 8), (279, 4, 2**32 - 1, 8))


@functools.cache
def tiff_pages(pages: int = 3_000) -> bytes:
    """Thousands of pages of one pixel."""
    content = b"II*\0\x08\0\0\0"
    for number in range(pages):
        after = len(content) + 2 + 12 * 7 + 4 if number < pages - 1 else 0
        sizes = ((256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))
        content += tiff(*sizes, (273, 4, 1, 0), (279, 4, 1, 1), after=after)[8:]
    return content


# ---- containers


@functools.cache
def zeros_in_gzip() -> bytes:
    """A gigabyte of zeros, packed twice: two kilobytes."""
    packer = zlib.compressobj(9, wbits=31)  # gzip's format
    piece = bytes(2**20)
    once = b"".join(packer.compress(piece) for _ in range(GIGABYTE // len(piece))) + packer.flush()
    return gzip.compress(once, 9)


@functools.cache
def nested_zip(levels: int = 4) -> bytes:
    """Zip files in zip files, in the end a gigabyte of zeros each."""
    content, name = bytes(2**24), "0"
    for _ in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(8):
                archive.writestr(f"{number}-{name}", content)
        content, name = out.getvalue(), "zip"
    return content


def laughs(_: random.Random) -> bytes:
    """An SVG whose entities grow tenfold at each level."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]><svg>&a11;</svg>'.encode()


# ---- PDF


def pdf(objects: list[bytes]) -> bytes:
    """A PDF of numbered objects, the first of which is its catalogue."""
    content, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, end = len(objects) + 1, b"startxref\n%d\n%%%%EOF" % len(content)
    trailer = b"trailer\n<</Size %d/Root 1 0 R>>\n" % size
    return content + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer + end


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A PDF's stream object."""
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(content), content)


def page(drawing: bytes, box: bytes = b"0 0 99 99", entries: bytes = b"", *more: bytes) -> bytes:
    """A PDF of one page; `drawing` is its content, a stream object; further objects are 5, 6 …"""
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Contents 4 0 R%b>>" % (box, entries)
    pages = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return pdf([b"<</Type/Catalog/Pages 2 0 R>>", pages, leaf, drawing, *more])


def pdf_box(chance: random.Random) -> bytes:
    """A page of kilometres."""
    side = chance.choice((b"14400", b"30000", b"200000"))
    return page(stream(b""), b"0 0 %b %b" % (side, side))


def pdf_pages(_: random.Random) -> bytes:
    """A document of 5,000 pages, which are all the same object."""
    kids = b"3 0 R " * 5_000
    pages = b"<</Type/Pages/Kids[%b]/Count 5000>>" % kids
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>"
    return pdf([b"<</Type/Catalog/Pages 2 0 R>>", pages, leaf])


def pdf_noise(chance: random.Random) -> bytes:
    """A PDF's first line, then noise."""
    return b"%PDF-1.7\n" + chance.randbytes(chance.randrange(10, 20_000))


def pdf_cut(chance: random.Random) -> bytes:
    """A document that ends before its first page does."""
    whole_file = page(stream(b"0 g 9 9 50 50 re f"))
    return whole_file[: chance.randrange(9, whole_file.index(b"/Type/Page/"))]


def pdf_endless(_: random.Random) -> bytes:
    """Two kilobytes that draw a square 10^9 times: each form draws the next ten times."""
    levels = 9
    resources = b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</F %d 0 R>>>>"
    forms = [stream(b"/F Do " * 10, resources % (level + 6)) for level in range(levels - 1)]
    forms.append(stream(b"0 g 9 9 50 50 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]"))
    return page(stream(b"/F Do"), b"0 0 99 99", b"/Resources<</XObject<</F 5 0 R>>>>", *forms)


def pdf_inflated(_: random.Random) -> bytes:
    """A drawing of a gigabyte of nothing, twice deflated: a few kilobytes."""
    twice = zlib.compress(zeros(GIGABYTE), 9)
    return page(stream(twice, b"/Filter[/FlateDecode/FlateDecode]"))
