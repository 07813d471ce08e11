"""docs/client.md is true: its examples, from top to bottom, against a real server."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def test_the_guide_works_as_written(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    blocks = [b for b in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if ">>> " in b]
    text = "\n".join(blocks).replace("http://127.0.0.1:8000", server)
    namespace: dict[str, Any] = {}
    test = doctest.DocTestParser().get_doctest(text, namespace, "client.md", "docs/client.md", 0)
    monkeypatch.chdir(ROOT)
    printed: list[str] = []
    results = doctest.DocTestRunner().run(test, out=printed.append)
    assert results.failed == 0, "".join(printed)
    assert results.attempted > 25
