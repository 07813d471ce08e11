"""The application as a whole: the page and its headers, keys, origins, metrics, ids, logs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


def test_page_is_served_with_strict_headers(client: httpx.Client):
    """No script but our own, nothing from elsewhere, in nobody's frame; kept by its ETag."""
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_else_of_the_disk_is_served(client: httpx.Client):
    """Paths out of the folder, and files that aren't the page's."""
    for path in ("/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "//etc/passwd", "/app.py"):
        assert client.get(path).status_code == 404, path


def test_ids(client: httpx.Client):
    """The client's own if it is a plain one, else a new one; on problems too."""
    assert client.get("/v1/info", headers={"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    wrong = client.post("/v1/classify", headers={"X-Request-ID": "mine 2"})
    assert wrong.headers["x-request-id"] == wrong.json()["instance"] != "mine 2"


def test_origins_are_closed_by_default(client: httpx.Client):
    """No other page may read an answer."""
    answer = client.get("/v1/info", headers={"Origin": "https://a.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.fixture(scope="module")
def guarded(start: Callable, tmp_path_factory: pytest.TempPathFactory):
    """A server with keys, an origin, a limit, no metrics."""
    keys = tmp_path_factory.mktemp("keys") / "keys.txt"
    keys.write_text("# ours\nsecret-1\n")
    keys.chmod(0o600)
    options = (
        "--api-key-file",
        str(keys),
        "--cors-origins",
        "https://a.example",
        "--rate",
        "1",
        "--burst",
        "3",
    )
    with start(*options, "--no-metrics", "--max-body-mb", "0.01") as server:
        yield server


def test_keys_limits_and_origins(guarded):
    """In this order: who, how often, how much; all as problems that the allowed page can read."""
    origin, key = {"Origin": "https://a.example"}, {"Authorization": "Bearer secret-1"}
    with httpx.Client(base_url=guarded.url, timeout=60, headers=origin) as client:
        nobody = client.post("/v1/classify")
        large = client.post(
            "/v1/classify", content=b"x" * 20_000, headers={**key, "Content-Type": "image/png"}
        )
        body = (DIGITS / "2-tiny.png").read_bytes()
        seen = client.post(
            "/v1/classify", content=body, headers={"X-API-Key": "secret-1", "Content-Type": "image/png"}
        )
        answers = [client.get("/v1/info", headers=key) for _ in range(4)]
        asked = client.options(
            "/v1/classify",
            headers={"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"},
        )
        health, metrics, page = client.get("/v2/health/ready"), client.get("/metrics"), client.get("/")
    assert (nobody.status_code, nobody.json()["type"]) == (401, "/problems/unauthorized")
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    assert nobody.headers["access-control-allow-origin"] == "https://a.example"
    assert (large.status_code, large.json()["limit"]) == (413, 10485)
    assert seen.json()["results"][0]["digit"] == 2
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["type"] == "/problems/too-many-requests"
    assert asked.status_code == 200
    assert (health.status_code, metrics.status_code, page.status_code) == (200, 404, 200)


def test_log_has_no_content(client: httpx.Client, server):
    """One line of JSON a request, with its id; what was read is in none."""
    content = (DIGITS / "5-marker.jpg").read_bytes()
    client.post("/v1/classify", files={"f": ("secret-name.jpg", content)}, headers={"X-Request-ID": "seen"})
    client.get("/v1/info")
    end = time.monotonic() + 30
    while not any('"seen"' in line for line in server.lines) and time.monotonic() < end:
        time.sleep(0.02)  # it is on its way through a pipe
    lines = [json.loads(line) for line in server.lines if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "seen"]
    assert (line["path"], line["status"], line["pictures"]) == ("/v1/classify", 200, 1)
    assert "secret-name" not in "".join(server.lines)


def test_metrics_know_routes_and_reasons(client: httpx.Client):
    """By route, not by path: a scan of paths makes no new series."""
    client.post("/v1/classify", files={"f": ("a.jpg", (DIGITS / "blank-page.jpg").read_bytes())})
    client.get("/nothing/here/1")
    text = client.get("/metrics").text
    assert 'inkdigits_readings_total{network="digit",reason="blank"}' in text
    assert 'route="/v1/classify",status="200"' in text
    assert "nothing/here" not in text


def test_below_a_path_of_a_proxy(start: Callable):
    """The proxy takes the path off; the description names it."""
    with start("--root-path", "/digits") as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.get("/v1/info").status_code == 200
        assert client.get("/").status_code == 200
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/digits"}]
        assert client.get("/v1/classify").status_code == 405
