"""The file that a stopped run goes on from: whole after `kill -9`, plain JSON Lines, never mixed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inkdigits.cli.resume import Record
from inkdigits.errors import OutputError, UsageError

OPTIONS = {"layout": "auto", "length": None}


def answer(source: str, page: int = 1) -> dict[str, Any]:
    """As `Reading.to_dict()` begins."""
    return {"source": source, "page": page, "text": "42"}


def failure(source: str) -> dict[str, Any]:
    """The object of an input that failed."""
    return {"source": source, "error": {"type": "unreadable-image", "detail": f"{source}: gone"}}


def begun(path: Path, *answers: dict[str, Any]) -> Path:
    """A file that a run left."""
    with Record(path, OPTIONS) as record:
        for one in answers:
            record.add(one)
    return path


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    path = begun(tmp_path / "out.jsonl", answer("a"), answer("b", 1), answer("b", 2), answer("c"))
    with Record(path, OPTIONS) as record:
        assert record.answered == 4
        assert [one["page"] for one in record.of("b")] == [1, 2]
        assert record.is_complete("a")
        assert record.is_complete("b")
        assert not record.is_complete("c"), "the last may have more pages"
        assert not record.is_complete("d")
        record.add(answer("d"))
        assert [one["source"] for one in record.of("d")] == ["d"]
    assert [json.loads(line)["source"] for line in path.read_text().splitlines()] == ["a", "b", "b", "c", "d"]
    with Record(path, OPTIONS) as record:  # what an earlier run left unfinished is remembered
        assert not record.is_complete("c")
        assert not record.is_complete("d")


def test_the_file_is_what_json_prints(tmp_path: Path) -> None:
    answers = [answer("a"), failure("b"), answer('c "日本"\udcff\n')]
    path = begun(tmp_path / "out.jsonl", *answers)
    assert path.read_text() == "".join(json.dumps(one) + "\n" for one in answers)


@pytest.mark.parametrize("kept", [0, 1, 20, 60])
def test_a_line_that_was_cut_is_dropped(tmp_path: Path, kept: int) -> None:
    path = begun(tmp_path / "out.jsonl", answer("a"), answer("b"))
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[: min(kept, len(second) - 1)])
    with Record(path, OPTIONS) as record:
        assert record.answered == 1
        assert list(record.of("b")) == []
        record.add(answer("b"))
    assert path.read_bytes() == first + second


def test_bytes_lost_with_the_power_are_dropped(tmp_path: Path) -> None:
    path = begun(tmp_path / "out.jsonl", answer("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0" * 4096)
    with Record(path, OPTIONS) as record:
        assert record.answered == 1
    assert path.read_bytes() == whole


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    path = begun(tmp_path / "out.jsonl", failure("a"), answer("b", 1), failure("b"), answer("c"), answer("d"))
    with Record(path, OPTIONS) as record:
        assert record.answered == 3
        assert not record.is_complete("a")
        assert not record.is_complete("b"), "its first page is known, the rest isn't"
        assert record.is_complete("c")
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        answer("b", 1),
        answer("c"),
        answer("d"),
    ]


def test_other_options_are_refused(tmp_path: Path) -> None:
    path = begun(tmp_path / "out.jsonl", answer("a"))
    before = path.read_bytes()
    with pytest.raises(UsageError, match="begun with length null, now it is 6"):
        Record(path, {**OPTIONS, "length": 6})
    assert path.read_bytes() == before


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(UsageError, match="name another file"):
        Record(path, OPTIONS)
    assert path.read_text() == "mine"
    begun(tmp_path / "out.jsonl", answer("a"))
    (tmp_path / "out.jsonl").write_text('{"no": "answer"}\n{"source": "b", "page": 1}\n')
    with pytest.raises(UsageError, match="line 1 isn't an answer"):
        Record(tmp_path / "out.jsonl", OPTIONS)


def test_places_that_can_t_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't be written"):
        Record(tmp_path / "missing" / "out.jsonl", OPTIONS)
    (tmp_path / "folder").mkdir()
    with pytest.raises((OutputError, UsageError)):
        Record(tmp_path / "folder", OPTIONS)


def test_kill_9_loses_at_most_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    code = (
        "import sys\nfrom pathlib import Path\nfrom inkdigits.cli.resume import Record\n"
        "with Record(Path(sys.argv[1]), {}) as record:\n"
        "    for number in range(10**6):\n"
        "        record.add({'source': f'{number}.png', 'page': 1})\n"
        "        if number == 500: print('go', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with Record(path, {}) as record:
        assert record.answered >= 500
        sources = [json.loads(line)["source"] for line in path.read_text().splitlines()]
        assert sources == [f"{number}.png" for number in range(record.answered)]
