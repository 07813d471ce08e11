"""A server process, or several: socket, signals, slow connections. Knows uvicorn, no pictures."""

from __future__ import annotations

import socket
import sys
from functools import partial

import uvicorn

from inkdigits.errors import UsageError
from inkdigits.server.app import create_app
from inkdigits.server.settings import Settings


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C.

    Raises:
        UsageError: an address that can't be listened at.
    """
    listening = listen(settings.host, settings.port)
    host, port = listening.getsockname()[:2]
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        host=host,
        port=port,
        workers=settings.workers,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    print(f"inkdigits: the page is at {address(host, port, settings.root_path)}", file=sys.stderr, flush=True)
    if settings.workers > 1:
        uvicorn.supervisors.Multiprocess(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket that is listened at.

    Raises:
        UsageError: the port is taken, or the address isn't this machine's.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError as e:
        reason = (e.strerror or str(e)).lower()
        raise UsageError(
            f"can't listen at {host}, port {port}: {reason}; choose another --port or --host"
        ) from None
    listening.set_inheritable(True)
    return listening


def address(host: str, port: int, root_path: str = "") -> str:
    """Where a browser on this machine finds the page."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}{root_path}/"
