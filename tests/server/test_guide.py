"""docs/serve.md is true: what it sends is answered as it says, its tables are those of the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inkdigits.server.problems import KINDS
from inkdigits.server.settings import PREFIX, Settings, flag_of

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
BLOCKS = re.findall(r"```console\n((?:\$ (?:curl|echo).*\n)+)```(?:\n\n```json\n(.+)\n```)?", GUIDE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")
@pytest.mark.parametrize(("commands", "answer"), BLOCKS)
def test_requests(server, commands: str, answer: str):
    """Each is answered; where the page says how, exactly so."""
    for command in commands.splitlines():
        call = (
            command.removeprefix("$ ").replace("curl ", "curl -s --max-time 60 ").replace(ADDRESS, server.url)
        )
        done = subprocess.run(call, shell=True, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, call
        if answer:
            assert json.loads(done.stdout) == json.loads(answer)
        else:
            assert "/problems/" not in done.stdout


def test_python(server, monkeypatch, capsys):
    """The client's lines."""
    monkeypatch.chdir(ROOT)
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", GUIDE, re.S) if "inkdigits.client" in block
    ]
    exec(code.replace(ADDRESS, server.url), {})
    assert capsys.readouterr().out == "7795\n"


def test_table_of_settings():
    """Flag, variable, default and meaning of each."""
    for name, field in Settings.model_fields.items():
        (row,) = re.findall(rf"^\| `{flag_of(name)}`.*$", GUIDE, re.M)
        assert f"`{PREFIX}{name.upper()}`" in row
        assert row.endswith(f"| {field.description} |")
        if (
            isinstance(field.default, int | float | str)
            and not isinstance(field.default, bool)
            and field.default != ""
        ):
            shown = f"{field.default:g}" if isinstance(field.default, float) else field.default
            assert f"| `{shown}` |" in row


def test_table_of_problems():
    """Every kind, as the server explains it."""
    for kind in KINDS.values():
        assert f"| {kind.status} | `{kind.uri}` | {kind.meaning} | {kind.remedy} |" in GUIDE
