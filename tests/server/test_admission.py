"""Who is let in, with real settings and files of keys; and that refusing happens before a body is read."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from inkdigits.errors import UsageError
from inkdigits.server.admission import Admission, Buckets, Keys
from inkdigits.server.overload import Overloaded
from inkdigits.server.settings import Settings

KEYS = "# our partners\nfirst-key-0123456789\n\n  second-key-0123456789  \n"


class App:
    """Takes in a whole body, then waits until it is told to answer."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        while (await receive()).get("more_body"):
            pass
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Answer:
    """What was sent, and whether the body was looked at."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 0, dict[str, str](), b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Admission,
    path: str = "/v1/classify",
    headers: dict[str, str] | None = None,
    client: str = "10.0.0.1",
    root_path: str = "",
    messages: list[Message] | None = None,
) -> Answer:
    """One request."""
    waiting = [{"type": "http.request", "body": b"x"}] if messages is None else messages

    async def receive() -> Message:
        while not waiting:
            await asyncio.sleep(0.001)
        return waiting.pop(0)

    told = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": "POST", "path": path, "root_path": root_path, "headers": told}
    answer = Answer()
    await app({**scope, "client": (client, 1), "state": {}}, receive, answer.send)
    return answer


def settings(tmp_path: Path, keys: str | bytes | None = None, **more: Any) -> Settings:
    """With a file of keys, if any are given."""
    if keys is not None:
        path = tmp_path / "keys"
        path.write_bytes(keys if isinstance(keys, bytes) else keys.encode())
        path.chmod(0o600)
        more["api_key_file"] = path
    return Settings(**more)


# ---- keys


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer first-key-0123456789"},
        {"authorization": "bearer second-key-0123456789"},
        {"X-API-Key": "second-key-0123456789"},
        {"Authorization": "Basic abc", "X-API-Key": "first-key-0123456789"},
    ],
)
def test_known_keys_get_in(tmp_path: Path, headers: dict[str, str]) -> None:
    async def main() -> None:
        admission = Admission(App(), settings(tmp_path, KEYS))
        assert (await ask(admission, headers=headers)).status == 200

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, False),
        ({"Authorization": "Bearer "}, False),
        ({"Authorization": "Basic first-key-0123456789"}, False),
        ({"Authorization": "Bearer first-key"}, True),
        ({"Authorization": "Bearer # our partners"}, True),
        ({"X-API-Key": "FIRST-KEY-0123456789"}, True),
    ],
)
def test_others_dont(tmp_path: Path, headers: dict[str, str], error: bool) -> None:
    async def main() -> None:
        app = App()
        answer = await ask(Admission(app, settings(tmp_path, KEYS)), headers=headers)
        assert answer.status == 401
        assert answer.json()["type"] == "/problems/unauthorized"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert ("invalid_token" in answer.headers["www-authenticate"]) == error
        assert app.begun == 0

    asyncio.run(main())


def test_page_health_and_metrics_are_open(tmp_path: Path) -> None:
    async def main() -> None:
        admission = Admission(App(), settings(tmp_path, KEYS))
        for path in ("/", "/style.css", "/v2/health/ready", "/metrics", "/openapi.json", "/problems/usage"):
            assert (await ask(admission, path)).status == 200, path
        for path in ("/v1/read", "/v1/info", "/v2", "/v2/models/digit/infer"):
            assert (await ask(admission, path)).status == 401, path

    asyncio.run(main())


def test_clients_of_the_inference_protocol_find_the_error_where_they_look(tmp_path: Path) -> None:
    async def main() -> None:
        admission = Admission(App(), settings(tmp_path, KEYS))
        told = (await ask(admission, "/v2/models/digit/infer")).json()
        assert told["error"] == told["detail"]
        assert "error" not in (await ask(admission)).json()

    asyncio.run(main())


def test_behind_a_prefix_the_same_paths_are_guarded(tmp_path: Path) -> None:
    async def main() -> None:
        admission = Admission(App(), settings(tmp_path, KEYS))
        statuses = [
            (await ask(admission, path, root_path="/digits")).status
            for path in ("/digits/v1/read", "/v1/read", "/digits/v2/health/live", "/digits/")
        ]
        assert statuses == [401, 401, 200, 200]

    asyncio.run(main())


@pytest.mark.parametrize("keys", ["", "# none\n", "\n\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, keys: str) -> None:
    with pytest.raises(UsageError, match="no key in it"):
        Admission(App(), settings(tmp_path, keys))


def test_a_file_that_cant_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        Keys.read(tmp_path / "nowhere")


def test_a_file_that_all_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chosen = settings(tmp_path, KEYS)
    assert chosen.api_key_file is not None
    chosen.api_key_file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        Admission(App(), chosen)
    assert "chmod 600" in caplog.text
    assert "0123456789" not in caplog.text


def test_keys_are_kept_as_hashes_only() -> None:
    assert b"key" not in b"".join(Keys((b"\0" * 32,)).hashes)
    assert Keys((b"\0" * 32,)).number(b"any") is None


# ---- rates


def test_buckets_let_bursts_in_and_then_a_steady_rate() -> None:
    now = [0.0]
    buckets = Buckets(2, 3, clock=lambda: now[0])
    assert [buckets.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.wait("b") == 0  # others have buckets of their own
    now[0] += 0.5
    assert [buckets.wait("a"), buckets.wait("a")] == [0, 0.5]
    now[0] += 100
    assert [buckets.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]  # never more than it holds


def test_buckets_are_forgotten_rather_than_kept_without_bound() -> None:
    buckets = Buckets(1, 1, most=3, clock=lambda: 0.0)
    for client in "abcd":
        buckets.wait(client)
    assert list(buckets._kept) == ["b", "c", "d"]


def test_too_many_requests_are_told_when_to_come_again(tmp_path: Path) -> None:
    async def main() -> None:
        admission = Admission(App(), settings(tmp_path, rate=0.4, burst=2))
        assert [(await ask(admission)).status for _ in range(2)] == [200, 200]
        answer = await ask(admission)
        assert answer.status == 429
        assert answer.json()["type"] == "/problems/too-many-requests"
        assert answer.headers["retry-after"] == "3"  # 2.5 s, whole seconds, rounded up
        assert answer.headers["ratelimit"] == '"client";r=0;t=3'
        assert (await ask(admission, client="10.0.0.2")).status == 200
        assert (await ask(admission, "/")).status == 200

    asyncio.run(main())


def test_who_has_a_key_is_counted_by_it_and_who_guesses_by_address(tmp_path: Path) -> None:
    async def main() -> None:
        admission = Admission(App(), settings(tmp_path, KEYS, rate=0.1, burst=1))
        first = {"Authorization": "Bearer first-key-0123456789"}
        second = {"Authorization": "Bearer second-key-0123456789"}
        assert (await ask(admission, headers=first)).status == 200
        assert (await ask(admission, headers=first, client="10.0.0.9")).status == 429
        assert (await ask(admission, headers=second)).status == 200
        assert (await ask(admission, headers={"X-API-Key": "guess"})).status == 401
        assert (await ask(admission, headers={"X-API-Key": "another"})).status == 429

    asyncio.run(main())


def test_one_subscribers_addresses_are_one_client(tmp_path: Path) -> None:
    async def main() -> None:
        admission = Admission(App(), settings(tmp_path, rate=0.1, burst=1))
        assert (await ask(admission, client="2001:db8:1:2::1")).status == 200
        assert (await ask(admission, client="2001:db8:1:2:ffff::7")).status == 429
        assert (await ask(admission, client="2001:db8:1:3::1")).status == 200

    asyncio.run(main())


# ---- room


def test_a_full_house_refuses_at_once_and_has_room_again(tmp_path: Path) -> None:
    async def main() -> None:
        app = App()
        admission = Admission(app, settings(tmp_path, queue=2))
        app.go.clear()
        at_work = [asyncio.ensure_future(ask(admission)) for _ in range(2)]
        await asyncio.sleep(0.01)
        refused = await ask(admission, messages=[])  # its body is not waited for
        assert refused.status == 503
        assert refused.json()["type"] == "/problems/overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        assert app.begun == 2
        health = asyncio.ensure_future(ask(admission, "/v2/health/ready"))
        await asyncio.sleep(0.01)
        assert app.begun == 3  # let in all the same
        app.go.set()
        assert (await health).status == 200
        assert [(await one).status for one in at_work] == [200, 200]
        assert (await ask(admission)).status == 200

    async def patient() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(patient())


def test_who_sends_slowly_keeps_nobody_out(tmp_path: Path) -> None:
    async def main() -> None:
        app = App()
        admission = Admission(app, settings(tmp_path, queue=1))
        part: Message = {"type": "http.request", "body": b"x", "more_body": True}
        sent = [[part] for _ in range(5)]
        slow = [asyncio.ensure_future(ask(admission, messages=messages)) for messages in sent]
        await asyncio.sleep(0.01)
        assert (await ask(admission)).status == 200
        app.go.clear()
        for messages in sent[:2]:
            messages.append({"type": "http.request", "body": b"x"})
        await asyncio.sleep(0.05)
        failed = [one for one in slow if one.done()]
        assert len(failed) == 1  # the second to be whole finds no room
        assert isinstance(failed[0].exception(), Overloaded)
        for one in slow:
            one.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        app.go.set()
        assert (await ask(admission)).status == 200  # who went away left the room

    asyncio.run(main())
