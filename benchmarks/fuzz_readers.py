"""Damaged files of every format, and pictures of anything: each gives an answer or one clear error.

    pip install atheris==3.0.0
    python benchmarks/fuzz_readers.py [--seconds 60] [--only PDF page] [--write]

Atheris mutates files of each format, and keeps those that reach new lines of Pillow's and our own Python. A
crash is anything but pages or an `InkdigitsError` of one line, or more than a minute for one input: it is
shown, and its input kept in runs/fuzz/. `picture` and `page` are no files but grey pixels, some noise, some
strokes and rulings, read from end to end as a number and as a page. PDF, HEIC, picture and page take far
longer for an input, so they get four times the seconds. `--write` makes records/fuzz.md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from textwrap import fill
from typing import Any

import atheris
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from measured import commit  # beside this file

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "fuzz.md"
KEPT = ROOT / "runs" / "fuzz"
PIXELS = ("picture", "page")
SLOW = ("PDF", "HEIC", *PIXELS)
TARGETS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", *SLOW)
SECONDS_EACH = 60  # an input that takes longer is a crash
MOST_PIXELS, MOST_PAGES = 250_000, 6  # limits that damaged headers often exceed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="a format; slow ones get four times that")
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--write", action="store_true", help="make records/fuzz.md")
    parser.add_argument("--worker", choices=TARGETS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.seconds, arguments.folder)
    rows = [fuzzed(target, arguments.seconds * (4 if target in SLOW else 1)) for target in arguments.only]
    print(table(rows))
    if arguments.write:
        RECORD.write_text(record(rows, sys.argv[1:]), encoding="utf-8")
    sys.exit(any(row["crashes"] for row in rows))


def fuzzed(target: str, seconds: int) -> dict[str, Any]:
    """One target in a process of its own, so that a crash of any kind ends no more than that."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, seed in enumerate(seeds(target)):
            (folder / f"seed{number}").write_bytes(seed)
        command = [sys.executable, __file__, "--worker", target, "--seconds", str(seconds), "--folder", name]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace")
        counts = folder / "counts.json"
        row = json.loads(counts.read_text()) if counts.exists() else {"inputs": 0}
    crashes = int(ended.returncode != 0)
    if crashes:
        print(f"{target}: ended with {ended.returncode}\n{ended.stderr[-3000:]}", file=sys.stderr)
    print(f"{target}: {row}", file=sys.stderr, flush=True)
    return {"target": target, "seconds": seconds, "crashes": crashes, **row}


# ---- one target


def work(target: str, seconds: int, folder: Path) -> None:
    """Tries inputs until time is up; never returns."""
    with atheris.instrument_imports(include=["PIL", "inkdigits"]):
        attempt = read_as({"picture": "line", "page": "page"}[target]) if target in PIXELS else load_with()
    counts: Counter[str] = Counter()
    until, slowest = time.monotonic() + seconds, 0.0

    def one(content: bytes) -> None:
        nonlocal slowest
        began = time.monotonic()
        counts[attempt(content)] += 1
        slowest = max(slowest, time.monotonic() - began)
        if time.monotonic() > until:
            done = {"inputs": counts.total(), **counts, "slowest": round(slowest, 2)}
            (folder / "counts.json").write_text(json.dumps(done))
            os._exit(0)

    KEPT.mkdir(parents=True, exist_ok=True)
    options = [f"-artifact_prefix={KEPT}/{target}-", f"-timeout={SECONDS_EACH}", "-seed=1", "-max_len=30000"]
    mutator = {"custom_mutator": repaired_mutation} if target == "PNG" else {}
    atheris.Setup([sys.argv[0], str(folder), "-rss_limit_mb=2048", *options], one, **mutator)
    atheris.Fuzz()


def load_with() -> Callable[[bytes], str]:
    """A file to pages: `pages`, `some` when an error came after the first, `refused` when it came before.

    `stopped` when the process that decodes PDF and HEIC ended, or was ended, without a word.
    """
    from inkdigits import documents
    from inkdigits.errors import InkdigitsError
    from inkdigits.images import load_pages

    documents.SECONDS = 10

    def load(content: bytes) -> str:
        count, error = 0, ""
        try:
            for grey in load_pages(content, name="it", max_pixels=MOST_PIXELS, max_pages=MOST_PAGES):
                assert grey.dtype == np.uint8
                assert grey.ndim == 2
                assert 0 < grey.size <= MOST_PIXELS
                count += 1
        except InkdigitsError as e:
            error = str(e)
        assert count <= MOST_PAGES
        assert count or error.startswith("it"), error
        assert len(error.splitlines()) <= 1, error
        if "breaks its reader" in error or "takes longer" in error:
            return "stopped"
        return "some" if count and error else "refused" if error else "pages"

    return load


def read_as(layout: str) -> Callable[[bytes], str]:
    """Pixels to numbers: `pages` where there was any, `refused` where none."""
    from inkdigits.reading import NumberReader, Wanted

    reader, wanted = NumberReader.load(), Wanted(layout=layout)  # type: ignore[arg-type]

    def read(content: bytes) -> str:
        grey = picture_of(content)
        (sheet,) = reader.sheets(grey, wanted)
        answer = sheet.reading
        assert sorted((answer.width, answer.height)) == sorted(grey.shape)
        for line in answer.lines:
            assert 0 <= line.confidence <= 1
            assert line.accepted == (line.reason is None)
            assert len(line.digits) == len(line.text)
            assert all(digit.box[0] <= digit.box[2] and digit.box[1] <= digit.box[3] for digit in line.digits)
        json.dumps(answer.to_dict(), allow_nan=False)
        return "pages" if answer.text else "refused"

    return read


def picture_of(content: bytes) -> NDArray[np.uint8]:
    """Bytes as grey pixels: a size, then what fills it: the bytes themselves, or strokes and rulings."""
    head = content[:6].ljust(6, b"\0")
    width, height = 1 + int.from_bytes(head[:2]) % 500, 1 + int.from_bytes(head[2:4]) % 500
    paper, way = head[4], head[5]
    body = np.frombuffer(content[6:] or b"\0", np.uint8)
    if way % 4 == 0:
        return np.resize(body, (height, width))
    if way % 4 == 1:  # the bytes as one small picture, enlarged
        side = max(1, int(len(body) ** 0.5))
        return np.asarray(Image.fromarray(np.resize(body, (side, side))).resize((width, height)))
    image = Image.new("L", (width, height), paper)
    draw = ImageDraw.Draw(image)
    for x0, y0, x1, y1, ink, kind in np.resize(body, (len(body) // 6, 6)).tolist():
        ends = [x0 * width // 255, y0 * height // 255, x1 * width // 255, y1 * height // 255]
        if kind % 4 == 0:  # a ruling from edge to edge
            ends = [0, ends[1], width, ends[1]] if kind & 4 else [ends[0], 0, ends[0], height]
        if kind % 4 == 1:
            draw.rectangle([*map(min, ends[:2], ends[2:]), *map(max, ends[:2], ends[2:])], outline=ink)
        else:
            draw.line(ends, fill=ink, width=1 + kind // 32)
    return np.asarray(image)


def repaired_mutation(content: bytes, most: int, seed: int) -> bytes:
    """A mutated PNG; mostly with its check sums right again, else nothing behind them would be tried."""
    mutated = bytearray(atheris.Mutate(content, most))
    if seed % 5:
        at = 8
        while at + 12 <= len(mutated):
            end = at + 8 + int.from_bytes(mutated[at : at + 4])
            mutated[end : end + 4] = zlib.crc32(mutated[at + 4 : end]).to_bytes(4)
            at = end + 4
    return bytes(mutated[:most])


# ---- what mutation begins with


def seeds(target: str) -> Iterator[bytes]:
    """Whole inputs of a kind, small, of several modes and depths."""
    if target in PIXELS:
        yield from pixel_seeds()
        return
    drawing = Image.new("L", (48, 32), 230)
    ImageDraw.Draw(drawing).line([(8, 4), (30, 6), (14, 28)], fill=20, width=4)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 24)).astype(np.uint8))
    clear = drawing.convert("RGBA")
    clear.putalpha(noise.resize(clear.size))
    deep = Image.fromarray(np.asarray(drawing).astype(np.uint16) * np.uint16(257))
    if target == "HEIC":
        yield from (heic(image) for image in (drawing, noise.convert("RGB"), clear))
        return
    more = {"save_all": True, "append_images": [noise, drawing]}
    same = {"save_all": True, "append_images": [noise.resize(drawing.size)]}
    variants: dict[str, list[tuple[Image.Image, dict[str, Any]]]] = {
        "PNG": [(drawing, {}), (noise.convert("P"), {}), (clear, {}), (deep, {}), (drawing, more)],
        "JPEG": [(drawing, {}), (noise.convert("RGB"), {"progressive": True}), (drawing.convert("CMYK"), {})],
        "TIFF": [(drawing, {**more, "compression": way}) for way in (None, "tiff_lzw", "packbits", "jpeg")]
        + [(drawing.convert("1"), {"compression": "group4"}), (deep, {}), (clear, {})],
        "WEBP": [(drawing, {}), (noise, {"lossless": True}), (clear, {}), (drawing, same)],
        "BMP": [(drawing, {}), (drawing.convert("1"), {}), (clear, {}), (noise.convert("RGB"), {})],
        "GIF": [(drawing, {}), (noise, {"interlace": 0}), (drawing, more)],
        "PPM": [(drawing, {}), (drawing.convert("1"), {}), (noise.convert("RGB"), {}), (deep, {})],
        "PDF": [(drawing, {}), (noise, more), (drawing.convert("1"), {})],
    }
    for image, options in variants[target]:
        buffer = io.BytesIO()
        image.save(buffer, target, **options)
        yield buffer.getvalue()
    if target == "PDF":
        yield drawn_pdf()


def heic(image: Image.Image) -> bytes:
    """An image as HEIC."""
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer)
    return buffer.getvalue()


def drawn_pdf() -> bytes:
    """A PDF with text, curves, a pattern, a form field and an annotation; its table is left for repair."""
    content = b"BT /F 20 Tf 9 60 Td (1 234,50) Tj ET 0.5 w 9 9 m 20 40 40 40 60 9 c S "
    content += b"/Pattern cs /P scn 70 9 20 20 re f"
    look = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 17>>\nstream\n0 g 0 0 9 9 re f\nendstream"
    tile = b"/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 4 4]/XStep 4/YStep 4/Resources<<>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Rotate 90/Contents 4 0 R/Annots[6 0 R]"
        b"/Resources<</Font<</F 5 0 R>>/Pattern<</P 8 0 R>>>>>>",
        b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(7)/Rect[60 60 90 90]/F 4/AP<</N 7 0 R>>/P 3 0 R>>",
        look,
        b"<<%b/Length 17>>\nstream\n0 g 0 0 2 2 re f\nendstream" % tile,
    ]
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % pair for pair in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer\n<</Size 9/Root 1 0 R>>\n%%EOF"


def pixel_seeds() -> Iterator[bytes]:
    """For `picture_of`: noise, a small picture enlarged, strokes among rulings; wide, tall, square, tiny."""
    generator = np.random.default_rng(2)
    for width, height in ((400, 60), (300, 400), (499, 499), (3, 200), (1, 1)):
        for way in range(4):
            head = width.to_bytes(2) + height.to_bytes(2) + bytes([(255, 0, 200, 128)[way], way])
            yield head + generator.integers(0, 256, 240).astype(np.uint8).tobytes()


# ---- the record


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table of all targets."""
    lines = [
        "| what | inputs | read | in part | refused or empty | stopped | crashes | slowest, s | minutes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        counts = [
            f"{row.get(key, 0):,}" for key in ("inputs", "pages", "some", "refused", "stopped", "crashes")
        ]
        ending = [f"{row.get('slowest', 0):.2f}", f"{row['seconds'] / 60:.1f}"]
        lines.append("| " + " | ".join([row["target"], *counts, *ending]) + " |")
    return "\n".join(lines)


def record(rows: list[dict[str, Any]], arguments: list[str]) -> str:
    """The whole record."""
    inputs, crashes = (sum(row[key] for row in rows) for key in ("inputs", "crashes"))
    names = ("atheris", "pillow", "pypdfium2", "pillow-heif", "opencv-python-headless", "onnxruntime")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    conditions = (
        f"{date.today()}, commit {commit()}, {os.cpu_count()} cores, shared (load average "
        f"{os.getloadavg()[0]:.1f} at the end), Python {platform.python_version()}, {packages}. One process "
        "at a time."
    )
    meaning = (
        "*read*: pages came and no error, or numbers from a picture; *in part*: pages came, then one clear "
        "error; *refused or empty*: one clear error at once, or no number in a picture; *stopped*: also one "
        "clear error, as the process that decodes PDF and HEIC ended or took ten seconds. A crash is "
        "anything else: another exception, an error of several lines, the caller's process ending, an answer "
        f"that contradicts itself, {SECONDS_EACH} seconds for one input."
    )
    found = (
        "Found while the readers were written and fixed before this run: a TIFF cut in a page's directory "
        "gave another page's pixels; libtiff printed on stderr; pictures of one and of four pixels broke the "
        "page finder. In an earlier run, 7 of 2,021 pictures gave a line with more or fewer digits than its "
        "text had; after changes to decoding it didn't come again, but its cause wasn't established. Two "
        "kilobytes of PDF, made by hand, took the 6 GB that it was allowed and ended the whole process: that "
        "is why PDF and HEIC have a process of their own, with limits. Mutation alone never made it stop."
    )
    parts = [
        "# Fuzzing what reads files and pictures",
        fill(f"{inputs:,} inputs, {crashes} crashes.", 120),
        f"    python benchmarks/fuzz_readers.py {' '.join(arguments)}".rstrip(),
        fill(conditions, 120),
        table(rows),
        fill(meaning, 120),
        fill(found, 120),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
