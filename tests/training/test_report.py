"""The report: everything is there, in one file that needs nothing else, and what users give is escaped."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from inkdigits.errors import InvalidData, OutputError
from inkdigits.training import webpage
from inkdigits.training.captions import CAPTIONS
from inkdigits.training.datasets import Dataset
from inkdigits.training.evaluate import judge
from inkdigits.training.recipes import TINY
from inkdigits.training.report import write_report
from inkdigits.training.runs import Epoch

ONE_EPOCH = [Epoch(1, 0.31, 0.9, 0.2, 0.93, 1e-3, 9000.0, 5.0)]
COMPARED = {"accuracies", "differences", "all-curves"}  # pictures of another page
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """What a browser would find: tags, their attributes, text; fails on tags that don't match."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text, outside the style."""
        return "".join(self.words)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def judged(mnist_test: Dataset) -> tuple[Dataset, np.ndarray]:
    """400 test images with answers, of which some are wrong."""
    data = mnist_test.part("mnist-<part>", 0, 400)
    assert data.labels is not None
    return data, np.random.default_rng(2).normal(size=(400, 10)) + 4 * np.eye(10)[data.labels]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, judged: tuple[Dataset, np.ndarray]) -> Path:
    """A report of a training that stopped after one epoch."""
    folder = tmp_path_factory.mktemp("report") / "new" / "folder"
    data, logits = judged
    facts = {"recipe": TINY.to_dict(), "epoch": 1, "seed": 7, "note": "<script>alert(1)</script>"}
    write_report(
        folder,
        title='Recipe "tiny" & <b>',
        data=data,
        logits=logits,
        history=ONE_EPOCH,
        facts=facts,
        training=data,
    )
    return folder


def test_every_picture_has_its_file_its_caption_and_words_for_those_who_do_not_see_it(report: Path) -> None:
    page = Page(report / "report.html")
    wanted = set(CAPTIONS) - COMPARED
    assert {path.stem for path in report.glob("*.png")} == wanted
    for name in wanted:
        assert CAPTIONS[name] in page.text, f"the caption of {name}"
    images = page.named("img")
    assert len(images) == len(wanted)
    assert all(len(image["alt"] or "") > 15 for image in images)
    assert all((image["src"] or "").startswith("data:image/png;base64,iVBOR") for image in images)


def test_the_page_is_one_file_that_fetches_nothing(report: Path) -> None:
    page = Page(report / "report.html")
    assert not re.search(r"https?:|//[a-z]", re.sub(r"base64,[^\"]+", "", page.source))
    assert not page.named("script")
    assert not page.named("link")
    assert [link["href"] for link in page.named("a")] == [f"#{s['id']}" for s in page.named("section")]
    policy = next(meta["content"] for meta in page.named("meta") if "http-equiv" in meta)
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "prefers-color-scheme: dark" in page.source
    assert "@media (max-width" in page.source


def test_headings_are_in_order(report: Path) -> None:
    page = Page(report / "report.html")
    headings = [name for name, _ in page.tags if re.fullmatch(r"h\d", name)]
    assert headings == ["h1"] + ["h2"] * 5
    assert page.named("html") == [{"lang": "en"}]


def test_key_figures_and_the_classification_report_are_those_of_the_metrics(
    report: Path, judged: tuple[Dataset, np.ndarray]
) -> None:
    data, logits = judged
    metrics = judge(logits, data.labels, data.classes)
    text = Page(report / "report.html").text
    assert metrics.errors > 0
    for figure in (f"{metrics.accuracy:.2%}", f"{metrics.macro.f1:.4f}", f"{metrics.ece:.2%}"):
        assert figure in text
    for row in metrics.per_class:
        assert f"{row.precision:.4f}" in text
        assert f"{row.recall:.4f}" in text


def test_what_users_give_is_escaped(report: Path) -> None:
    page = Page(report / "report.html")
    assert "<script>" not in page.source
    assert "<b>" not in page.source
    assert "mnist-<part>" in page.text
    assert 'Recipe "tiny" & <b>' in page.text
    assert "<script>alert(1)</script>" in page.text


def test_the_recipe_is_there_to_be_opened(report: Path) -> None:
    page = Page(report / "report.html")
    assert len(page.named("details")) == 2
    assert "augment.rotation" in page.text
    assert "conv 8 4, relu" in page.text


def test_metrics_json_holds_figures_data_and_facts(report: Path, judged: tuple[Dataset, np.ndarray]) -> None:
    data, logits = judged
    found = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    assert found["format"] == "inkdigits-metrics-1"
    assert found["data"] == {
        "name": "mnist-<part>", "sha256": data.sha256, "samples": 400, "classes": list("0123456789"),
    }  # fmt: skip
    assert found["facts"]["seed"] == 7
    assert found["accuracy"] == judge(logits, data.labels, data.classes).accuracy
    assert np.sum(found["confusion"]) == 400


def test_without_history_there_are_no_curves(tmp_path: Path, judged: tuple[Dataset, np.ndarray]) -> None:
    data, logits = judged
    write_report(tmp_path, title="No history", data=data, logits=logits)
    assert not (tmp_path / "curves.png").exists()
    assert "How it learned" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_temperature_reaches_the_figures(tmp_path: Path, judged: tuple[Dataset, np.ndarray]) -> None:
    data, logits = judged
    hot = write_report(tmp_path, title="Hot", data=data, logits=logits, temperature=2.5)
    assert hot == judge(logits, data.labels, data.classes, 2.5)
    assert "temperature 2.5" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_data_without_labels_leaves_no_files(tmp_path: Path, judged: tuple[Dataset, np.ndarray]) -> None:
    data, logits = judged
    blind = Dataset("blind", data.images, None, data.classes)
    with pytest.raises(InvalidData, match="no labels"):
        write_report(tmp_path / "none", title="Blind", data=blind, logits=logits)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_a_clear_error(
    tmp_path: Path, judged: tuple[Dataset, np.ndarray]
) -> None:
    data, logits = judged
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="can't be made"):
        write_report(tmp_path / "file" / "report", title="No", data=data, logits=logits)


def test_facts_are_shown_flat_and_readable() -> None:
    facts = {"augment": {"rotation": 10.0, "deep": {"er": None}}, "layers": ["conv 8 4", "relu"]}
    assert dict(webpage.flat(facts)) == {
        "augment.rotation": 10.0, "augment.deep.er": None, "layers": ["conv 8 4", "relu"],
    }  # fmt: skip
    assert [webpage.plain(value) for _, value in webpage.flat(facts)] == ["10", "–", "conv 8 4, relu"]


def test_every_part_of_a_page_escapes_what_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    bad = '<i>"&'
    parts = [
        webpage.paragraph(bad),
        webpage.key_figures([(bad, bad, bad)]),
        webpage.picture(tmp_path / "a.png", bad, bad),
        webpage.table([bad], [[bad, bad]], bad, totals=[[bad]]),
        webpage.details(bad, {bad: bad}),
    ]
    for part in (*parts, webpage.page(bad, bad, webpage.join(*parts), [(bad, parts[0])]).decode()):
        assert "&lt;i&gt;" in part
        assert "<i>" not in part
        assert "&<" not in part
