"""What in deploy/ can rot: files, ports, paths, variables and commands that the server no longer has."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import inkdigits
from inkdigits.server import create_app
from inkdigits.server.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
FILES = sorted(DEPLOY.iterdir())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
UNIT = (DEPLOY / "inkdigits.service").read_text(encoding="utf-8")
OBJECTS = {
    each["kind"]: each
    for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
}
POD: Any = OBJECTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, in order, continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


def last(instruction: str) -> str:
    return [text for name, text in instructions() if name == instruction][-1]


def environment() -> dict[str, str]:
    """What the image sets."""
    return dict(word.split("=", 1) for word in shlex.split(last("ENV")))


@pytest.fixture(scope="module")
def statuses() -> dict[str, int]:
    """What the server answers where files of ours ask it."""
    paths = {path for file in FILES for path in asked_in(file)}
    app = create_app(Settings())

    async def ask() -> dict[str, int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://there") as client:
            return {path: (await client.get(path)).status_code for path in paths}

    return asyncio.run(ask())


def asked_in(file: Path) -> set[str]:
    return set(re.findall(r"/v[12]/[\w/]+|/metrics", file.read_text(encoding="utf-8")))


# ---- all of them


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_variables_are_settings(file: Path) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", file.read_text(encoding="utf-8")))
    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_everything_is_explained(file: Path) -> None:
    assert f"({file.name})" in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").replace(
        "../deploy/", ""
    )


def test_paths_that_are_asked_are_there(statuses: dict[str, int]) -> None:
    assert {"/v2/health/live", "/v2/health/ready", "/metrics"} == set(statuses)
    assert set(statuses.values()) <= {200, 503}  # 503: nothing was started for this test


def test_no_runtime_reports_to_its_makers() -> None:
    assert environment()["ORT_DISABLE_TELEMETRY"] == "1"
    assert "ORT_DISABLE_TELEMETRY=1" in UNIT


# ---- the image


def test_the_image_copies_what_is_there_and_may_be_sent() -> None:
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    for name, text in instructions():
        if name == "COPY" and not text.startswith("--from"):
            for source in text.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in sent


def test_the_image_installs_extras_that_there_are() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    (installed,) = re.findall(r"\.whl\)\[([\w,]+)\]", DOCKERFILE)
    assert set(installed.split(",")) == {"serve", "documents"} <= set(extras)


def test_the_image_runs_a_command_of_ours_as_nobody() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["inkdigits", "serve"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last("USER"))


def test_the_image_s_settings_can_be() -> None:
    ours = {k: v for k, v in environment().items() if k.startswith(PREFIX)}
    settings = Settings(**{name.removeprefix(PREFIX).lower(): value for name, value in ours.items()})
    assert last("EXPOSE") == str(settings.port)
    assert settings.host == "0.0.0.0"  # of a container, or nobody could reach it


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_healthcheck_asks_whether_it_is_ready(status: int, code: int) -> None:
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert healthcheck(server.server_port) == code
    assert asked == ["/v2/health/ready"]
    assert healthcheck(server.server_port) == 1  # nobody there


def healthcheck(port: int) -> int:
    """The image's own command; its exit code."""
    _, command = last("HEALTHCHECK").split("CMD ")
    program, *arguments = json.loads(command)
    assert program == "python"
    ended = subprocess.run(
        [sys.executable, *arguments], env={"INKDIGITS_PORT": str(port)}, capture_output=True, check=False
    )
    return ended.returncode


# ---- Kubernetes


def test_the_pods_are_found_by_all_who_look_for_them() -> None:
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["Service"]["spec"]["selector"] == labels
    assert OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert OBJECTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "inkdigits"


def test_ports_are_the_image_s() -> None:
    (port,) = CONTAINER["ports"]
    assert str(port["containerPort"]) == environment()["INKDIGITS_PORT"]
    named = [
        CONTAINER[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    ]
    named.append(OBJECTS["Service"]["spec"]["ports"][0]["targetPort"])
    named.append(OBJECTS["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"])
    assert set(named) == {port["name"]}
    annotations = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])


def test_the_image_is_this_version() -> None:
    assert CONTAINER["image"] == f"inkdigits:{inkdigits.__version__}"


def test_a_service_of_our_name_sets_no_setting_of_ours() -> None:
    """Kubernetes would set INKDIGITS_PORT=tcp://10.0.0.1:80."""
    assert POD["enableServiceLinks"] is False


def test_key_files_are_mounted_where_they_are_read() -> None:
    (variable,) = CONTAINER["env"]
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in POD["volumes"]}
    assert Path(variable["value"]).parent.as_posix() == mounts["api-keys"]


def test_pods_can_do_nothing_but_answer() -> None:
    assert POD["securityContext"]["runAsUser"] == int(last("USER").split(":")[0])
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert OBJECTS["NetworkPolicy"]["spec"]["egress"] == []


# ---- time and memory


def test_there_is_time_to_finish_what_was_begun() -> None:
    """A request may take its whole minute after the signal, and after preStop in a pod."""
    request = Settings().request_seconds
    before = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["terminationGracePeriodSeconds"] >= before + request + 5
    assert unit("TimeoutStopSec") >= request + 5


def test_there_is_memory_for_a_worker_and_its_pages() -> None:
    settings = Settings()
    needed = settings.workers * (512 + settings.page_processes * settings.page_memory_mb)  # MB
    assert needed <= int(CONTAINER["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024
    assert needed <= unit("MemoryMax") * 1024


def unit(name: str) -> int:
    """A number of the systemd unit, without its suffix."""
    (value,) = re.findall(rf"^{name}=(\d+)", UNIT, re.MULTILINE)
    return int(value)


# ---- systemd


def test_the_unit_starts_the_server_and_stops_its_main_process() -> None:
    assert "\nExecStart=/opt/inkdigits/bin/inkdigits serve\n" in UNIT
    assert "\nKillMode=mixed\n" in UNIT  # else pages that are being read are killed
    assert "\nOOMPolicy=continue\n" in UNIT  # else a page that is too large ends the service
