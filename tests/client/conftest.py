"""A real server on loopback, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """A server that was started as users do; its address."""
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            found = re.search(r"http://\S+?:\d+", said)
            assert found, said
            yield found.group()
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A server with default settings."""
    with serving() as address:
        yield address


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for a key, and takes neither much nor many pages."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("a-key-of-ours\n")
    keys.chmod(0o600)
    limits = ("--max-body-mb", "0.1", "--max-files", "4", "--max-pages", "1", "--max-pixels", "1000000")
    with serving("--api-key-file", str(keys), *limits) as address:
        yield address
