"""Processes, sockets and signals: several workers, kill -9, SIGTERM under way, senders that are slow."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from inkdigits.cli import main
from inkdigits.errors import UsageError
from inkdigits.server import serving

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = (EXAMPLES / "digits" / "2-tiny.png").read_bytes()
SCAN = (EXAMPLES / "numbers" / "scan.pdf").read_bytes()
RAW = {"Content-Type": "image/png"}


def children(pid: int) -> set[int]:
    """Processes that a process started: workers, and what helps Python to start them."""
    try:
        started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {
            int(child) for child in started if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        }
    except (FileNotFoundError, ProcessLookupError):
        return set()


def connected(url: str) -> socket.socket:
    """A bare connection."""
    host, port = re.match(r"http://([\d.]+):(\d+)", url).groups()  # type: ignore[union-attr]
    return socket.create_connection((host, int(port)), timeout=60)


def test_addresses():
    """What a browser on this machine can open."""
    assert serving.address("127.0.0.1", 8000) == "http://127.0.0.1:8000/"
    assert serving.address("0.0.0.0", 80) == "http://127.0.0.1:80/"
    assert serving.address("::", 80) == "http://[::1]:80/"
    assert serving.address("::1", 80) == "http://[::1]:80/"


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "x" * 300])
def test_addresses_that_are_not_ours(host: str):
    """One line that names it."""
    with pytest.raises(UsageError, match=rf"can't listen at {host}, port 0: .*--host"):
        serving.listen(host, 0)


def test_port_in_use(server, capsys):
    """One line, exit code 2, nothing opened."""
    with pytest.raises(SystemExit) as end:
        main(["serve", "--port", server.url.rpartition(":")[2]])
    assert end.value.code == 2
    assert re.fullmatch(r"inkdigits: can't listen at .*address already in use.*\n", capsys.readouterr().err)


def test_weights_that_cannot_be_opened(tmp_path):
    """One line, before anything is served."""
    command = [
        sys.executable,
        "-m",
        "inkdigits",
        "serve",
        "--port",
        "0",
        "--weights",
        str(tmp_path / "no.onnx"),
    ]
    done = subprocess.run([*command, "--workers", "2"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert re.fullmatch(r"inkdigits: .*no\.onnx.*\n", done.stderr)


def test_workers_come_back_and_metrics_forget_them(start: Callable):
    """kill -9 of one: the others answer meanwhile, a new one comes; its gauges are gone, its counts stay."""
    with start("--workers", "2") as server, httpx.Client(base_url=server.url, timeout=60) as client:
        for _ in range(10):
            assert client.post("/v1/classify", content=TINY, headers=RAW).status_code == 200
        before = children(server.process.pid)
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        with httpx.Client(base_url=server.url, timeout=60, transport=httpx.HTTPTransport(retries=3)) as other:
            while len(children(server.process.pid) - before) < 1:
                assert other.get("/v2/health/live", headers={"Connection": "close"}).status_code == 200
                time.sleep(0.1)
            metrics = other.get("/metrics", headers={"Connection": "close"}).text
        assert 'inkdigits_readings_total{network="digit",reason="accepted"} 10.0' in metrics
        assert server.stop() == -signal.SIGTERM or server.process.returncode == 0
    assert not children(server.process.pid)


def test_sigterm_finishes_what_was_begun(start: Callable):
    """A document under way is answered; new requests get 503, readiness is false; then it ends."""
    with start() as server:
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(httpx.post(f"{server.url}/v1/read", files={"f": ("scan.pdf", SCAN)}, timeout=60))

        kept = httpx.Client(base_url=server.url, timeout=60)
        assert kept.get("/v2/health/ready").json() == {"ready": True}
        thread = threading.Thread(target=ask)
        thread.start()
        while "inkdigits_page_processes_busy 1" not in kept.get("/metrics").text:
            time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        ready = kept.get("/v2/health/ready")
        refused = kept.post("/v1/classify", content=TINY, headers=RAW)
        thread.join()
        server.process.wait(60)
    assert (ready.status_code, ready.json()) == (503, {"ready": False})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/shutting-down")
    assert refused.headers["retry-after"] == "1"
    assert answers[0].status_code == 200
    assert len(answers[0].json()["results"][0]["pages"]) == 2
    assert server.process.returncode in (0, -signal.SIGTERM)


def test_slow_senders_against_a_server(start: Callable):
    """A body or a head that never ends: 408 and closed."""
    with start("--send-seconds", "0.5") as server:
        head = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n"
        with connected(server.url) as slow:
            slow.sendall(head + b"\r\nfirst bytes")
            told = slow.recv(4096)
            assert told.startswith(b"HTTP/1.1 408")
            assert b"connection: close" in told.lower()
            while slow.recv(4096):
                pass
        with connected(server.url) as never:
            never.sendall(head)
            told = never.recv(4096)  # after HEAD_SECONDS
            assert told.startswith(b"HTTP/1.1 408")
            assert b'"type": "/problems/slow-sender"' in told


def test_a_connection_goes_on_after_a_refused_body(server):
    """Who sends too much is told at once, may finish sending, and ask again on the same connection."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        large = client.post("/v1/classify", content=b"x" * (21 * 2**20), headers=RAW)
        assert large.status_code == 413
        assert client.post("/v1/classify", content=TINY, headers=RAW).status_code == 200


def test_expecting_senders_are_told_before_they_send(server):
    """curl asks first, when a body is large."""
    head = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nExpect: 100-continue\r\n"
    with connected(server.url) as asking:
        asking.sendall(head + b"Content-Length: 99999999\r\n\r\n")
        assert asking.recv(4096).startswith(b"HTTP/1.1 413")
    with connected(server.url) as asking:
        asking.sendall(head + b"Content-Length: %d\r\n\r\n" % len(TINY))
        assert asking.recv(4096).startswith(b"HTTP/1.1 100")
        asking.sendall(TINY)
        assert asking.recv(4096).startswith(b"HTTP/1.1 200")
