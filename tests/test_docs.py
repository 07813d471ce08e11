"""The documentation is true: its commands and snippets run, its links lead somewhere, nothing is left out.

Each page is worked through from top to bottom in a folder of its own, as a reader would: `$ …` lines of
```console blocks go through a shell, ```python blocks share one namespace. A comment right before a block can
change how it runs here:

    <!-- test: epochs=1 trials=2 -->   gives these options to the block's commands that have them
    <!-- test: exit=2 -->              the commands are meant to fail with this exit code
    <!-- test: skip REASON -->         can't run here, and why
"""

from __future__ import annotations

import doctest
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from PIL import Image

from inkdigits.cli import app
from inkdigits.training.datasets import Dataset

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")])
SET_UP = (
    "git",
    "make",
    "pip",
    "python3",
    "source",
    "cd",
    "sudo",
)  # what a reader does before, and the tests did
SHELL_END = re.compile(r"\s+(?=[|<>&;])")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page that runs, and what the comment before it says."""

    page: Path
    line: int
    language: str
    text: str
    note: str

    @property
    def options(self) -> dict[str, str]:
        """The `name=value` pairs of the comment."""
        return dict(word.split("=", 1) for word in self.note.split() if "=" in word)

    @property
    def skipped(self) -> bool:
        """Whether the comment says why the block can't run here."""
        return self.note.startswith("skip ")


def blocks_of(page: Path) -> Iterator[Block]:
    """The console and Python blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    note, fence = "", -1
    for number, line in enumerate(lines):
        if fence >= 0:
            if line.strip() == "```":
                language = lines[fence].strip().removeprefix("```")
                if language in ("console", "python"):
                    yield Block(page, fence + 1, language, "\n".join(lines[fence + 1 : number]), note)
                note, fence = "", -1
        elif line.strip().startswith("```"):
            fence = number
        elif found := re.fullmatch(r"<!-- test: (.+?) -->", line.strip()):
            note = found.group(1)
        elif line.strip():
            note = ""


def commands_of(block: Block) -> Iterator[str]:
    """What stands after each `$ `, lines that end in a backslash joined with the next."""
    text = re.sub(r"\\\n(?:> ?)?\s*", " ", block.text)
    for line in text.splitlines():
        if line.startswith("$ "):
            yield line.removeprefix("$ ").split("  #")[0].strip()


def made_cheap(command: str, options: dict[str, str]) -> str:
    """The command with those options that it knows, before any pipe or redirection."""
    words = command.split()
    name = words[1] if words[0] == "inkdigits" and len(words) > 1 else ""
    if name not in COMMANDS or "--resume" in words:
        return command  # what resumes goes on as it began
    known = {o for p in COMMANDS[name].params for o in p.opts}
    added = "".join(f" --{o} {value}" for o, value in options.items() if f"--{o}" in known)
    call, *rest = SHELL_END.split(command, maxsplit=1)
    return " ".join([call + added, *rest])


GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands
RUNNABLE = [page for page in PAGES if any(not b.skipped for b in blocks_of(page))]


@pytest.fixture
def reader_folder(tmp_path: Path, mnist_train: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader of the docs works: our examples, and data of their own in each form that docs name."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    images, labels = mnist_train.images[:400], mnist_train.labels
    assert labels is not None
    for number, (image, label) in enumerate(zip(images, labels, strict=False)):
        folder = tmp_path / ("my-digits" if number < 300 else "my-digits-test") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:03}.png")
    np.savez(tmp_path / "digits.npz", images=images, labels=labels[:400])
    write_kaggle_csv(tmp_path / "train.csv", images, labels[:400])
    write_kaggle_csv(tmp_path / "test.csv", images[:50], None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_kaggle_csv(path: Path, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any] | None) -> None:
    """Images as Kaggle's Digit Recognizer competition gives them out."""
    rows = images.reshape(len(images), -1)
    names = [f"pixel{i}" for i in range(rows.shape[1])]
    if labels is not None:
        rows, names = np.column_stack([labels, rows]), ["label", *names]
    np.savetxt(path, rows, fmt="%d", delimiter=",", header=",".join(names), comments="")


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `inkdigits` and `python` are this test's own."""
    programs = tmp_path_factory.mktemp("programs")
    for name, arguments in {"inkdigits": " -m inkdigits", "python": ""}.items():
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        script.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(ROOT / "src")}


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_works_as_written(page: Path, reader_folder: Path, shell: dict[str, str]) -> None:
    namespace: dict[str, Any] = {"__name__": "docs"}
    for block in blocks_of(page):
        if block.skipped:
            continue
        if block.language == "python":
            run_snippet(block, namespace)
            continue
        for command in commands_of(block):
            if command.split()[0] not in SET_UP:
                run_command(block, command, reader_folder, shell)


def run_command(block: Block, command: str, folder: Path, shell: dict[str, str]) -> None:
    """Fails unless the command ends with the exit code that the page promises."""
    options = block.options
    expected = int(options.pop("exit", 0))
    command = made_cheap(command, options)
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=shell,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    where = f"{block.page.name}:{block.line}: `{command}`"
    assert ended.returncode == expected, f"{where} gave {ended.returncode}\n{ended.stdout}\n{ended.stderr}"


def run_snippet(block: Block, namespace: dict[str, Any]) -> None:
    """Runs a Python block; one with `>>>` must print what the page says."""
    name = f"{block.page.name}:{block.line}"
    if ">>> " not in block.text:
        exec(compile(block.text, name, "exec"), namespace)
        return
    parser = doctest.DocTestParser()
    test = parser.get_doctest(block.text + "\n", namespace, name, str(block.page), block.line)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    printed: list[str] = []
    assert runner.run(test, out=printed.append, clear_globs=False).failed == 0, "".join(printed)
    namespace.update(test.globs)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", without_code(page)):
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name} links to {link}, which isn't there"
        if anchor and file.suffix == ".md":
            assert anchor in anchors_of(file), f"{page.name} links to {link}: no such heading"


def anchors_of(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(page: Path) -> str:
    """The page with its fenced blocks taken out."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_figure_waits_to_be_filled_in(page: Path) -> None:
    assert "TODO" not in page.read_text(encoding="utf-8")


def test_the_file_map_names_every_file_of_the_package() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"^ +(\S+)  +\S", page.partition("```text")[2].partition("```")[0], flags=re.MULTILINE)
    )
    kept = (ROOT / "src" / "inkdigits").rglob("*")
    kinds = {".py", ".json", ".css", ".html"}
    there = {p.name for p in kept if p.suffix in kinds and p.parent.name != "weights"}
    assert there - {"__init__.py"} <= named, f"not in README.md: {there - named}"
    assert {n for n in named if "." in n} <= there, f"in README.md, but gone: {named - there}"


def test_every_page_of_the_docs_is_in_their_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    missing = [p.name for p in ROOT.glob("docs/*.md") if p.name != "README.md" and f"({p.name})" not in index]
    assert not missing


def test_the_reference_is_what_the_commands_say() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == made["reference"](), "the commands changed: `make docs` writes docs/cli.md again"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    pages = {page: page.read_text(encoding="utf-8") for page in PAGES}
    everything = "\n".join(pages.values())
    told = "\n".join(text for page, text in pages.items() if page.name != "cli.md")
    assert f"inkdigits {name}" in told, f"no page but the reference speaks of `inkdigits {name}`"
    for param in COMMANDS[name].params:
        assert param.help, f"inkdigits {name}: {param.name} has no help text"
        for option in (o for o in param.opts if o.startswith("--")):
            assert f"`{option}`" in everything, f"inkdigits {name} {option} isn't documented"
