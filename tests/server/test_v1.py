"""The API's own routes, asked over HTTP: what they answer is what the reader answers."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits.errors import ImageTooLarge
from inkdigits.formats import WRITERS
from inkdigits.reader import Reader
from inkdigits.server.service import Service
from inkdigits.server.settings import Settings
from inkdigits.server.uploads import File

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS, NUMBERS = EXAMPLES / "digits", EXAMPLES / "numbers"


@pytest.fixture(scope="module")
def reader() -> Reader:
    """The same networks, asked directly."""
    return Reader.load()


def file(path: Path) -> tuple[str, tuple[str, bytes]]:
    """A part of a form."""
    return "file", (path.name, path.read_bytes())


def noise(width: int, height: int, kind: str = "PNG") -> bytes:
    """A picture that is large however it is packed."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


# ---- classify


def test_every_example_as_the_reader_answers(client: httpx.Client, reader: Reader):
    """All in one request, in order; and each alone, to the byte."""
    paths = sorted(DIGITS.iterdir())
    answer = client.post("/v1/classify", files=[file(path) for path in paths])
    expected = [reader.classify(path.read_bytes(), name=path.name).to_dict() for path in paths]
    assert answer.status_code == 200
    assert answer.json()["results"] == expected
    for path, one in zip(paths, expected, strict=True):
        assert client.post("/v1/classify", files=[file(path)]).json()["results"] == [one]


def test_the_three_ways_of_sending_are_alike(client: httpx.Client, reader: Reader):
    """Form, JSON, raw; options in the body or in the query."""
    content = (DIGITS / "5-marker.jpg").read_bytes()
    image = {"name": "5.jpg", "data": base64.b64encode(content).decode()}
    answers = [
        client.post("/v1/classify", files={"x": ("5.jpg", content)}, data={"explain": "true"}),
        client.post("/v1/classify", json={"images": [image], "explain": True}),
        client.post("/v1/classify?explain=true", content=content, headers={"Content-Type": "image/jpeg"}),
        client.post("/v1/classify?explain=true", json={"images": [image]}),
    ]
    results = [answer.json()["results"][0] for answer in answers]
    assert [result.pop("source") for result in results] == ["5.jpg", "5.jpg", None, "5.jpg"]
    assert all(result == results[0] for result in results)
    assert answers[0].json()["model"] == {"name": "digit", "version": reader.model.card["sha256"][:12]}


def test_explanations(client: httpx.Client, reader: Reader):
    """The glyph as the network saw it; where it looked, if the network says that."""
    paths = [DIGITS / "2-tiny.png", DIGITS / "blank-page.jpg"]
    answer = client.post("/v1/classify?explain=true", files=[file(path) for path in paths])
    inked, blank = (result["explanation"] for result in answer.json()["results"])
    glyph = np.asarray(Image.open(io.BytesIO(base64.b64decode(inked["glyph"]))))
    assert glyph.shape == (28, 28)
    assert reader.classify_glyphs(glyph[None])[0].digit == 2
    assert (inked["activation"] is not None) == reader.model.has_activation
    if inked["activation"] is not None:
        activation = np.asarray(Image.open(io.BytesIO(base64.b64decode(inked["activation"]))))
        assert (activation.shape, activation.max()) == ((28, 28), 255)
    assert blank == {"glyph": None, "activation": None}


def test_one_that_fails_among_several(client: httpx.Client):
    """Has its error at its place; alone, it is a problem."""
    broken = ("file", ("broken.png", b"\x89PNG\r\n\x1a\n"))
    answer = client.post("/v1/classify", files=[file(DIGITS / "2-tiny.png"), broken])
    good, bad = answer.json()["results"]
    assert (answer.status_code, good["digit"], bad["source"]) == (200, 2, "broken.png")
    assert bad["error"]["type"] == "unreadable-image"
    alone = client.post("/v1/classify", files=[broken])
    assert (alone.status_code, alone.json()["type"]) == (422, "/problems/unreadable-image")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("explain=yes", "option explain: 'yes' isn't true or false"),
        ("explain=true&explain=true", "given more than once"),
        ("layout=line", "option 'layout': not known"),
    ],
)
def test_options_that_cannot_be(client: httpx.Client, query: str, told: str):
    """422, and which one."""
    answer = client.post(f"/v1/classify?{query}", files=[file(DIGITS / "2-tiny.png")])
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/usage")
    assert told in answer.json()["detail"]


def test_large_pictures_are_classified_too(client: httpx.Client, reader: Reader):
    """Beside the small ones; up to the limit."""
    large = Image.open(DIGITS / "5-marker.jpg").resize((2000, 2200))
    content = io.BytesIO()
    large.save(content, "JPEG")
    answer = client.post("/v1/classify", files={"file": ("5.jpg", content.getvalue())})
    assert answer.json()["results"] == [reader.classify(content.getvalue(), name="5.jpg").to_dict()]
    document = client.post("/v1/classify", files=[file(NUMBERS / "scan.pdf")])
    assert document.json()["results"][0]["digit"] == reader.classify(NUMBERS / "scan.pdf").digit


def test_too_many_pixels(client: httpx.Client):
    """A bomb is refused before it is decoded."""
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    for path in ("/v1/classify", "/v1/read"):
        answer = client.post(path, files={"file": ("bomb.png", bomb.getvalue())})
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/image-too-large"), path


def test_what_a_header_rules_out_needs_no_page_process(reader: Reader):
    """A service whose page processes aren't there refuses it all the same: it needn't wait for one."""
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    service, file = Service(Settings(), reader), File("bomb.png", bomb.getvalue())
    with pytest.raises(ImageTooLarge, match=r"bomb\.png: far more pixels"):
        asyncio.run(service.read(file, {}))
    (classified,) = asyncio.run(service.classify([file]))
    assert isinstance(classified.answer, ImageTooLarge)


# ---- read


@pytest.mark.parametrize("name", ["amount.png", "chalk.jpg", "word.png", "blank.png", "form.png", "scan.pdf"])
def test_numbers_as_the_reader_answers(client: httpx.Client, reader: Reader, name: str):
    """Cut-out numbers, read in the server; pages and documents, read beside it."""
    path = NUMBERS / name
    answer = client.post("/v1/read", files=[file(path)])
    expected = [page.to_dict() for page in reader.read_pages(path.read_bytes(), name=name)]
    assert answer.status_code == 200
    assert answer.json()["results"] == [{"source": name, "pages": expected}]
    assert answer.json()["model"] == {"name": "line", "version": reader.numbers.model.card["sha256"][:12]}


def test_what_is_known_of_a_number(client: httpx.Client, reader: Reader):
    """Options reach the reader, from wherever they come."""
    content = (NUMBERS / "date.png").read_bytes()
    options = {"layout": "line", "max_length": 8, "range": "1000,99999999", "max_error": 0.2}
    expected = reader.read(
        content, name="date.png", layout="line", max_length=8, low=1000, high=99_999_999, max_error=0.2
    ).to_dict()
    texts = {name: str(value) for name, value in options.items()}
    image = {"name": "date.png", "data": base64.b64encode(content).decode()}
    for answer in (
        client.post("/v1/read", files={"file": ("date.png", content)}, data=texts),
        client.post("/v1/read", files={"file": ("date.png", content)}, params=texts),
        client.post("/v1/read", json={"images": [image], **options}),
    ):
        assert answer.json()["results"][0]["pages"] == [expected]


@pytest.mark.parametrize("form", ["text", "csv", "hocr", "alto", "page"])
def test_other_formats(client: httpx.Client, reader: Reader, form: str):
    """As the command line writes them, with their own media type."""
    content = (NUMBERS / "form.png").read_bytes()
    answer = client.post("/v1/read", files={"file": ("form.png", content)}, data={"format": form})
    writer = WRITERS[form]()
    reading = reader.read(content, name="form.png")
    kind = {"text": "text/plain", "csv": "text/csv", "hocr": "text/html"}.get(form, "application/xml")
    assert answer.headers["content-type"].startswith(kind)
    if form in ("text", "csv"):
        assert answer.text == writer.begin() + writer.reading(reading) + writer.end()
    else:
        assert "<?xml" in answer.text
        assert answer.text.count("String" if form == "alto" else "line") >= len(reading.lines)


def test_explained_pages(client: httpx.Client):
    """The page's picture, each number's strip, a sentence on each."""
    for name, size in (("amount.png", 1), ("form.png", 5)):
        answer = client.post("/v1/read", files=[file(NUMBERS / name)], data={"explain": "true"})
        (page,) = answer.json()["results"][0]["pages"]
        picture = Image.open(io.BytesIO(base64.b64decode(page["explanation"]["picture"])))
        assert picture.size == (page["width"], page["height"])
        assert len(page["lines"]) >= size
        for line in page["lines"]:
            strip = Image.open(io.BytesIO(base64.b64decode(line["explanation"]["strip"])))
            assert strip.height == 32
            assert line["explanation"]["detail"].endswith(".")


def test_several_documents(client: httpx.Client):
    """Pages of each by themselves; one that fails has its error."""
    broken = ("file", ("broken.pdf", b"%PDF-1.4 nothing"))
    answer = client.post("/v1/read", files=[file(NUMBERS / "scan.pdf"), broken, file(NUMBERS / "amount.png")])
    scan, bad, amount = answer.json()["results"]
    assert [page["page"] for page in scan["pages"]] == [1, 2]
    assert bad["error"]["type"] == "unreadable-image"
    assert amount["pages"][0]["text"] == "7795"


@pytest.mark.parametrize(
    "options",
    [
        {"length": "0"},
        {"length": "x"},
        {"length": "5", "max_length": "4"},
        {"layout": "circle"},
        {"check": "none"},
        {"check": "iban:XX"},
        {"pattern": "("},
        {"max_error": "2"},
        {"dpi": "0"},
        {"range": "5"},
        {"range": "9,1"},
        {"format": "docx"},
        {"format": "csv", "explain": "true"},
        {"unknown": "1"},
    ],
)
def test_read_options_that_cannot_be(client: httpx.Client, options: dict[str, str]):
    """422 of kind usage, whichever layer finds it out."""
    answer = client.post("/v1/read", files=[file(NUMBERS / "amount.png")], data=options)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/usage"), answer.text


def test_formats_are_for_one_document(client: httpx.Client):
    """Several would make one file of two."""
    files = [file(NUMBERS / "amount.png"), file(NUMBERS / "date.png")]
    assert client.post("/v1/read", files=files, data={"format": "csv"}).status_code == 422


def test_limits_of_pages_and_time(start: Callable):
    """Documents of too many pages aren't begun; what takes too long is stopped."""
    with start("--max-pages", "1") as server, httpx.Client(base_url=server.url, timeout=60) as client:
        pages = client.post("/v1/read", files=[file(NUMBERS / "scan.pdf")])
    assert (pages.status_code, pages.json()["type"]) == (413, "/problems/too-many-pages")
    with start("--request-seconds", "0.05") as server, httpx.Client(base_url=server.url) as client:
        picture = {"file": ("noise.bmp", noise(2000, 2000, "BMP"))}
        slow = client.post("/v1/read", files=picture)
        while slow.status_code == 503:  # the process that reads it is only starting
            assert "retry-after" in slow.headers
            slow = client.post("/v1/read", files=picture)
    assert (slow.status_code, slow.json()["type"]) == (413, "/problems/timed-out")


# ---- info


def test_info(client: httpx.Client, reader: Reader):
    """Versions, networks and limits."""
    told = client.get("/v1/info").json()
    assert told["version"] == inkdigits.__version__
    assert [model["name"] for model in told["models"]] == ["digit", "line"]
    assert told["models"][0]["sha256"] == reader.model.card["sha256"]
    assert told["limits"]["max_pixels"] == 60_000_000
    assert json.dumps(told)
