"""Files of handwriting fonts for training, each with its known hash. Knows nothing of what they show.

    the folder in INKDIGITS_FONTS ─► the local cache ─► the npm client

The fonts are under the SIL Open Font License 1.1 and are never shipped: they come once, as packages of the
Fontsource project, and stay in the cache. A file counts only when it has the SHA-256 that stands here. Of a
package one file is read; nothing of it is installed and none of its scripts runs.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inkdigits.errors import DataUnavailable, OutputError
from inkdigits.training import sources
from inkdigits.training.files import write_whole
from inkdigits.training.published import AlteredError, SourceError

log = logging.getLogger("inkdigits")

NPM_S = 900.0  # 9 MB over a slow line
LARGEST = 4_000_000  # bytes; the largest file below has far fewer


@dataclass(frozen=True)
class FontFile:
    """A font: its package in the Fontsource project, and the SHA-256 of the file wanted of it."""

    package: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name, in the package, in the cache and in a folder of the user's."""
        return f"{self.package}-latin-400-normal.woff2"


FONTS = (
    FontFile(
        "architects-daughter", "5.3.0", "284a3c1856b253a681c180bf5328cae3b94d4aaab702f6385490ec4e1b449df3"
    ),
    FontFile("beth-ellen", "5.3.0", "9ccd07324785e1ee797666fa3809b4ace66d61f027364dee10e24f2f647fadb3"),
    FontFile("caveat", "5.3.0", "d0b7b931b8980049327e8f8f9ac264617c8200b8422d62e886473d3d9527bad3"),
    FontFile(
        "cedarville-cursive", "5.3.0", "ac7aa92ed78f9e9598a1efa3aa33b3963daf276b1f4851baa104f647d5f648d8"
    ),
    FontFile(
        "covered-by-your-grace", "5.3.0", "d2e1a521cf22027d0bb0651f2e6fff548320c18482dd8d52bc4e785563136050"
    ),
    FontFile(
        "dawning-of-a-new-day", "5.3.0", "4936d1dfbc52cfc9182ba82a9022cdac3c869dcb3af91d423b1579b7b8e9f4be"
    ),
    FontFile("edu-sa-beginner", "5.3.0", "91f4ea4ebb7a5e7f2c08cd68416597c5a3e7e6904ae256950c6555f40b9b3c04"),
    FontFile("give-you-glory", "5.3.0", "4678f6c81f9a7e2132f24c224a95883a5937cc34aff06715225749cd5ee53b9e"),
    FontFile("gochi-hand", "5.3.0", "8851738d8167bd0384db9dee1df6e5b5e2f9221e613e3466cdea19587a81d7b6"),
    FontFile("handlee", "5.3.0", "d3807ea30015f5082c0a3e2b7803885310db888be091dbc86fecb1ca67f3c622"),
    FontFile("indie-flower", "5.3.0", "cb57752edc96294323252e8d84fa25f975943b2ef3e87b2c984b15ca935d7657"),
    FontFile("kalam", "5.3.0", "954410601a823f37e219f7930b7446f86afa15621326a7078d56fb9c910135cb"),
    FontFile("la-belle-aurore", "5.3.0", "54da154868e2237e6a2323ede6a4db035be01f0547692c66b0fd7e83a0867047"),
    FontFile(
        "loved-by-the-king", "5.3.0", "52653e3beacf68046b999291262c13d9ee6e2118b2dc5c7ed79a6deb205a1189"
    ),
    FontFile("mansalva", "5.3.0", "f1af85c4066b3cecb1824b2c439fc9ee658e1e0732dd8df683d2d1c517bad47a"),
    FontFile("nanum-pen-script", "5.3.0", "899aa0335c147f0574f17a09fce2e301179cb0232bc96e17feded9d1a06ad5aa"),
    FontFile(
        "nothing-you-could-do", "5.3.0", "84e79a16406aaa9d2bc81583fa7e9f692ed0ad1612967a7deb5ef47f8c1fc6c5"
    ),
    FontFile("patrick-hand", "5.3.0", "ac5bc9033b2572bf84d39f7150c1634e37ed16e8dbee632d6d0bceac0bbf0199"),
    FontFile(
        "playwrite-de-grund", "5.3.0", "0274d84a08a7fad47f1089db0f48246ab734354e94e75ce45cd42d34956edb0e"
    ),
    FontFile(
        "playwrite-fr-moderne", "5.3.0", "e8ac5863e52e0c3c9b6d562a218a492fefb8b832157bd3c4df30cc511f9148aa"
    ),
    FontFile(
        "playwrite-us-trad", "5.3.0", "f7b3e5abfd828f1bdec4bb6bcf4e1420ea8c407ffcd2363d9f8984210359a949"
    ),
    FontFile("reenie-beanie", "5.3.0", "f86de18375e3edba402d39ff85030e270f724d7af865f74a74c92f34a947072c"),
    FontFile(
        "shadows-into-light", "5.3.0", "2498c027559c4ae9a920e18e30031193148983e7ea195416d62c5d0ea2eaa3ac"
    ),
    FontFile(
        "sue-ellen-francisco", "5.3.0", "af35498e786cbebc60db75e5bd1448472dc44cda41698708edc7ae770fbf469c"
    ),
    FontFile(
        "swanky-and-moo-moo", "5.3.0", "e91335294902c18260c372cbefb30d5eb5bccb396f1a46c8796ff68594c531b4"
    ),
    FontFile(
        "the-girl-next-door", "5.3.0", "2f4e5d1a5879c1ae55aea79a7b9f850ab9ea1c2e3557958af290c54bc64e684f"
    ),
    FontFile(
        "waiting-for-the-sunrise", "5.3.0", "03ee8b42e5dcb6f3cb2d1d8f35213daf5804aebbca430894a45936845a34ae68"
    ),
    FontFile("zeyada", "5.3.0", "f619e7ead16ca4ee40df66e1d7ec9b2ca2fa46cf8ef0117bd621eda475a61f0d"),
)


def font_files(fonts: Sequence[FontFile] = FONTS) -> list[Path]:
    """Where the fonts lie, in the order asked for; those that lie nowhere yet are downloaded first.

    Args:
        fonts: which; `INKDIGITS_FONTS` in the environment names a folder to look in first, and
            `INKDIGITS_OFFLINE=1` forbids the network.

    Raises:
        DataUnavailable: no source had them all; says which folder to fill.
        OutputError: the cache can't be written.
    """
    found = {font: path for font in fonts if (path := _local(font)) is not None}
    if missing := [font for font in fonts if font not in found]:
        try:
            contents = _downloaded(missing)
        except SourceError as reason:
            raise DataUnavailable(_advice(missing, reason)) from None
        found |= {font: _kept(font, content) for font, content in zip(missing, contents, strict=True)}
    return [found[font] for font in fonts]


def cache_folder() -> Path:
    """Where fonts are kept: `fonts`, beside MNIST's folder in the cache."""
    return sources.cache_folder().with_name("fonts")


def _local(font: FontFile) -> Path | None:
    """The font in the user's folder or in the cache, if it is unaltered there."""
    named = os.environ.get("INKDIGITS_FONTS")
    for folder in ([Path(named)] if named else []) + [cache_folder()]:
        path = folder / font.name
        try:
            _checked(path.read_bytes(), font, str(folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as reason:
            log.warning("%s: can't be read (%s)", path, reason.strerror)
        except AlteredError as reason:
            log.warning("%s", reason)
        else:
            return path
    return None


def _downloaded(fonts: Sequence[FontFile]) -> list[bytes]:
    """The fonts' bytes by way of the npm client as it is set up here: its registry, its proxy.

    Raises:
        SourceError: offline, no npm, or npm had no such package.
        AlteredError: a package holds something else.
    """
    if os.environ.get("INKDIGITS_OFFLINE", "") not in ("", "0"):
        raise SourceError("offline, so no download was tried")
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("there is no npm here to download them with; it comes with Node.js")
    log.info("downloading %d handwriting fonts with npm (9 MB for all)", len(fonts))
    with tempfile.TemporaryDirectory(prefix="inkdigits-") as folder:
        _npm_pack(npm, fonts, Path(folder))
        return [_out_of_package(Path(folder), font) for font in fonts]


def _npm_pack(npm: str, fonts: Sequence[FontFile], folder: Path) -> None:
    command = [npm, "pack", "--ignore-scripts", "--loglevel=error"]
    command += [f"@fontsource/{font.package}@{font.version}" for font in fonts]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise SourceError(f"npm failed ({reason})") from None
    if done.returncode:
        # npm's first line is a bare code, its last names a log file
        lines = [line.removeprefix("npm error ").strip() for line in done.stderr.splitlines()]
        said = [line for line in lines if line and not line.startswith(("code ", "A complete log"))]
        raise SourceError(f"npm failed ({said[0] if said else f'exit status {done.returncode}'})")


def _out_of_package(folder: Path, font: FontFile) -> bytes:
    """The one file wanted, read without unpacking the archive."""
    package = folder / f"fontsource-{font.package}-{font.version}.tgz"
    try:
        with tarfile.open(package) as archive:
            member = archive.extractfile(f"package/files/{font.name}")
            content = b"" if member is None else member.read(LARGEST)
    except (KeyError, OSError, EOFError, tarfile.TarError):
        raise AlteredError(f"npm: {package.name} is refused, it holds no whole {font.name}") from None
    return _checked(content, font, "npm")


def _checked(content: bytes, font: FontFile, where: str) -> bytes:
    if (digest := hashlib.sha256(content).hexdigest()) != font.sha256:
        raise AlteredError(f"{where}: {font.name} is refused, its SHA-256 is {digest}, not the known one")
    return content


def _kept(font: FontFile, content: bytes) -> Path:
    path = cache_folder() / font.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise OutputError(f"{path.parent}: can't be made ({reason.strerror}); set INKDIGITS_CACHE") from None
    write_whole(path, content)
    return path


def _advice(missing: Sequence[FontFile], reason: SourceError) -> str:
    folder = os.environ.get("INKDIGITS_FONTS") or cache_folder()
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return (
        f"handwriting fonts aren't to be had: install npm, or put {missing[0].name}{more} into {folder} "
        f"(or into a folder that INKDIGITS_FONTS names) ({reason})"
    )
