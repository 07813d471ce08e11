"""The HTTP API and the web page: `create_app(Settings())` is an ASGI application. Needs the extra [serve]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkdigits.server.app import create_app
    from inkdigits.server.settings import Settings

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used."""
    if name == "create_app":
        from inkdigits.server.app import create_app

        return create_app
    if name == "Settings":
        from inkdigits.server.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
