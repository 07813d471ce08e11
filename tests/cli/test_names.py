"""Names of files about pages: one each, whatever the sources are called, and never outside their folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.cli.names import make_folder, path_of, refuse_sources_in, stems
from inkdigits.errors import OutputError, UsageError

FOLDER = Path("marked")


def test_files_are_called_as_their_sources() -> None:
    assert stems(["a.jpg", "x/a.jpg", "X/A.PNG", "b.c.png", "-", "a\nb.png", "...", "a.jpg"]) == {
        "a.jpg": "a",
        "x/a.jpg": "a~2",
        "X/A.PNG": "A~3",
        "b.c.png": "b.c",
        "-": "stdin",
        "a\nb.png": "a_b",
        "...": "page",
    }
    assert path_of(FOLDER, "a~2", 1, ".png") == FOLDER / "a~2.png"
    assert path_of(FOLDER, "a~2", 7, ".alto.xml") == FOLDER / "a~2-7.alto.xml"
    assert path_of(FOLDER, "scan-2", 1, ".png") == FOLDER / "scan-2-1.png"


name = st.text(max_size=300).filter(lambda name: "\0" not in name)


@given(st.lists(name | st.from_regex(r"[aA](-[12]){0,3}(~2)?\.png"), max_size=8, unique=True))
def test_no_name_is_another_s_or_leaves_the_folder(sources: list[str]) -> None:
    sources = [f"in/{source}" for source in sources]
    names = stems(sources)
    paths = [path_of(FOLDER, names[source], page, ".png") for source in sources for page in (1, 2, 21)]
    assert len({str(path).casefold() for path in paths}) == 3 * len(sources)
    assert all(path.parent == FOLDER and path.resolve().parent == FOLDER.resolve() for path in paths)
    assert all(len(path.name.encode()) < 255 for path in paths)


def test_pictures_aren_t_written_among_those_that_are_read(tmp_path: Path) -> None:
    refuse_sources_in(tmp_path / "b", [str(tmp_path / "a.jpg"), "-"])
    with pytest.raises(UsageError, match="name another folder"):
        refuse_sources_in(tmp_path / "b" / "..", [str(tmp_path / "a.jpg")])


def test_a_folder_that_can_t_be(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b", "--overlay")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't be made"):
        make_folder(tmp_path / "file" / "b", "--overlay")
