"""A real server on loopback for the tests of the API, and pictures to send."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS, NUMBERS = EXAMPLES / "digits", EXAMPLES / "numbers"
SECONDS = 60  # that a server may take to start, on a busy machine


@dataclass
class Server:
    """A server process.

    Attributes:
        url: where it is.
        process: it.
        lines: what it said on standard error, so far.
    """

    url: str
    process: subprocess.Popen[str]
    lines: list[str]

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@contextmanager
def running(*options: str, **environment: str) -> Iterator[Server]:
    """`inkdigits serve` at a free port, stopped at the end."""
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", *options]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    lines: list[str] = []
    address = threading.Event()
    reader = threading.Thread(target=_read, args=(process, lines, address))
    reader.start()
    try:
        assert address.wait(SECONDS), lines
        found = [re.search(r"http://\S+", line) for line in lines]
        url = next(match.group() for match in found if match).rstrip("/")
        _until_ready(url)
        yield Server(url, process, lines)
    finally:
        process.terminate()
        process.wait(SECONDS)
        reader.join()


def _read(process: subprocess.Popen[str], lines: list[str], address: threading.Event) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if "the page is at" in line:
            address.set()
    address.set()


def _until_ready(url: str) -> None:
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(transport=transport, timeout=SECONDS) as client:  # the socket takes connections early
        assert client.get(f"{url}/v2/health/ready").status_code == 200


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server with its defaults, for all tests that don't stop it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def start() -> Callable[..., object]:
    """Starts further servers with options: `with start("--workers", "2") as server`."""
    return running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """Asks the server."""
    with httpx.Client(base_url=server.url, timeout=SECONDS) as client:
        yield client
