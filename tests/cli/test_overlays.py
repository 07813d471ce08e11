"""Names of overlays: one a page, whatever the sources are called, and never outside their folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.cli.overlays import make_folder, path_of, prefixes
from inkdigits.errors import OutputError, UsageError

FOLDER = Path("marked")


def test_pictures_are_called_as_their_sources() -> None:
    assert prefixes(["a.jpg", "x/a.jpg", "X/A.JPG", "a.png", "-"], FOLDER) == [
        "a.jpg",
        "a.jpg~2",
        "A.JPG~3",
        "a.png",
        "stdin",
    ]
    assert path_of(FOLDER, "a.jpg~2", 7) == FOLDER / "a.jpg~2-7.png"


def test_a_source_named_twice_keeps_its_name() -> None:
    assert prefixes(["a.jpg", "b/a.jpg", "a.jpg"], FOLDER) == ["a.jpg", "a.jpg~2", "a.jpg"]


@given(st.lists(st.text(max_size=300).filter(lambda name: "\0" not in name), max_size=8, unique=True))
def test_no_name_is_another_s_or_leaves_the_folder(sources: list[str]) -> None:
    sources = [f"in/{source}" for source in sources]
    names = prefixes(sources, FOLDER)
    paths = [path_of(FOLDER, name, page) for name in names for page in (1, 2, 21)]
    assert len({str(path).casefold() for path in paths}) == 3 * len(sources)
    assert all(path.parent == FOLDER and path.resolve().parent == FOLDER.resolve() for path in paths)
    assert all(len(path.name.encode(errors="surrogateescape")) < 255 for path in paths)


def test_pictures_aren_t_written_among_those_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name another folder"):
        prefixes([str(tmp_path / "a.jpg")], tmp_path / "b" / "..")


def test_a_folder_that_can_t_be(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't be made"):
        make_folder(tmp_path / "file" / "b")
