"""Font files from the user's folder, the cache, and a real npm client against a registry on this machine."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import re
import shutil
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from inkdigits.errors import DataUnavailable
from inkdigits.training import font_files as module
from inkdigits.training.font_files import FONTS, FontFile, font_files

CONTENT = b"bytes that stand for a font: this module never looks inside"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ONE = FontFile("demo-hand", "1.0.0", SHA256)
OTHER = FontFile("other-hand", "1.0.0", SHA256)

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="needs the npm client")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no folder of fonts, and no network until a test asks for one."""
    monkeypatch.setenv("INKDIGITS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("INKDIGITS_OFFLINE", "1")
    monkeypatch.delenv("INKDIGITS_FONTS", raising=False)
    return tmp_path / "cache" / "fonts"


class Registry(ThreadingHTTPServer):
    """Packages as npm asks for them; `files` has the one font in each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.packages: dict[str, bytes] = {}
        self.requests = 0

    def add(self, font: FontFile, content: bytes, scripts: dict[str, str] | None = None) -> None:
        """Offers a package that holds a font's file with this content."""
        manifest = {"name": f"@fontsource/{font.package}", "version": font.version, "scripts": scripts or {}}
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            members = {"package.json": json.dumps(manifest).encode(), f"files/{font.name}": content}
            for name, data in members.items():
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        self.packages[font.package] = packed.getvalue()

    def description(self, package: str) -> bytes:
        """What a registry says of a package."""
        digest = base64.b64encode(hashlib.sha512(self.packages[package]).digest()).decode()
        dist = {"tarball": f"{self.address}/{package}.tgz", "integrity": f"sha512-{digest}"}
        name = f"@fontsource/{package}"
        version = {"name": name, "version": "1.0.0", "dist": dist}
        return json.dumps(
            {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        ).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers with a package, with what there is to know of it, or with 404."""

    server: Registry

    def do_GET(self) -> None:
        self.server.requests += 1
        package = unquote(self.path).rsplit("/", 1)[-1].removesuffix(".tgz")
        known = package in self.server.packages
        answer = b"{}"
        if known and self.path.endswith(".tgz"):
            answer = self.server.packages[package]
        elif known:
            answer = self.server.description(package)
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry that the npm client is set to, and a network that may be used."""
    server = Registry()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = {"registry": server.address, "cache": tmp_path / "npm", "userconfig": tmp_path / "none"}
    for name, value in settings.items():
        monkeypatch.setenv(f"npm_config_{name}", str(value))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_noproxy", "127.0.0.1")
    monkeypatch.setenv("INKDIGITS_OFFLINE", "0")
    yield server
    server.shutdown()
    server.server_close()


@needs_npm
def test_fonts_come_once_and_then_from_the_cache(
    registry: Registry, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add(ONE, CONTENT)
    registry.add(OTHER, CONTENT)
    paths = font_files([OTHER, ONE])
    assert paths == [cache / OTHER.name, cache / ONE.name]
    assert all(path.read_bytes() == CONTENT for path in paths)
    asked = registry.requests
    monkeypatch.setenv("PATH", "")  # from here on there is no npm
    assert font_files([ONE, OTHER]) == paths[::-1]
    assert registry.requests == asked


@needs_npm
def test_no_script_of_a_package_runs(registry: Registry, cache: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    scripts = dict.fromkeys(("prepack", "prepare", "postpack", "preinstall", "postinstall"), f"touch {trace}")
    registry.add(ONE, CONTENT, scripts)
    assert font_files([ONE]) == [cache / ONE.name]
    assert not trace.exists()


@needs_npm
def test_altered_font_is_refused_and_not_kept(registry: Registry, cache: Path) -> None:
    registry.add(ONE, CONTENT + b"!")
    with pytest.raises(
        DataUnavailable, match=r"demo-hand-latin-400-normal\.woff2 is refused, its SHA-256 is"
    ):
        font_files([ONE])
    assert not cache.exists()


@needs_npm
def test_package_without_the_file_is_refused(registry: Registry) -> None:
    registry.add(ONE, CONTENT)
    registry.packages[ONE.package] = registry.packages[ONE.package][:-40]
    with pytest.raises(DataUnavailable) as refusal:
        font_files([ONE])
    assert "\n" not in str(refusal.value)


@needs_npm
def test_unknown_package_says_what_npm_said(registry: Registry) -> None:
    registry.packages.clear()
    with pytest.raises(DataUnavailable, match=r"npm failed \(.*404") as refusal:
        font_files([ONE])
    assert "\n" not in str(refusal.value)


@needs_npm
def test_altered_file_in_the_cache_is_replaced(
    registry: Registry, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry.add(ONE, CONTENT)
    cache.mkdir(parents=True)
    (cache / ONE.name).write_bytes(CONTENT[:-1])
    with caplog.at_level(logging.WARNING, "inkdigits"):
        assert font_files([ONE])[0].read_bytes() == CONTENT
    assert "is refused" in caplog.text


def test_without_npm_one_line_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKDIGITS_OFFLINE", "0")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataUnavailable) as refusal:
        font_files([ONE, OTHER])
    said = str(refusal.value)
    assert "install npm" in said
    assert f"put {ONE.name} and 1 more into {cache}" in said
    assert "INKDIGITS_FONTS" in said
    assert "\n" not in said


def test_offline_never_starts_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.subprocess, "run", None)
    with pytest.raises(DataUnavailable, match="offline"):
        font_files([ONE])


def test_folder_of_the_user_comes_first(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    for folder in (mine, cache):
        folder.mkdir(parents=True)
        (folder / ONE.name).write_bytes(CONTENT)
    (cache / OTHER.name).write_bytes(CONTENT)
    monkeypatch.setenv("INKDIGITS_FONTS", str(mine))
    assert font_files([ONE, OTHER]) == [mine / ONE.name, cache / OTHER.name]


def test_table_has_each_font_once_with_a_whole_hash() -> None:
    assert 25 <= len(FONTS) <= 40
    assert len({font.package for font in FONTS}) == len({font.sha256 for font in FONTS}) == len(FONTS)
    assert all(re.fullmatch(r"[0-9a-f]{64}", font.sha256) for font in FONTS)
