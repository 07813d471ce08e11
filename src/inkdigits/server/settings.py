"""Everything a server can be told, once: flags of `inkdigits serve`, INKDIGITS_* variables, defaults, limits.

Knows names, types and bounds; knows no server. A field's description is the help text of its flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inkdigits.errors import UsageError

PREFIX = "INKDIGITS_"
Level = Literal["debug", "info", "warning", "error"]
Origins = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """A server's settings. `Settings()` takes them from the environment; arguments come first."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen at. This machine alone reaches the default; 0.0.0.0 is for all.",
    )
    port: int = Field(8000, ge=0, le=65535, description="Port to listen at; 0 takes a free one.")
    workers: int = Field(
        1, ge=1, le=256, description="Processes that answer. One that dies is started again."
    )
    root_path: str = Field(
        "", description="The path that a proxy in front of the server takes off, such as /digits."
    )
    api_key_file: Path | None = Field(
        None, description="A file of API keys, one a line. Without it, no key is asked for."
    )
    cors_origins: Origins = Field(
        (), description="Web pages of which origins may call the API, with commas between; * for all."
    )
    rate: float = Field(0, ge=0, description="Requests a second that one client may send; 0 for no limit.")
    burst: int = Field(
        20, ge=1, description="Requests that a client may send at once before --rate holds it back."
    )
    max_body_mb: float = Field(20, gt=0, le=1024, description="MB of a request's body.")
    max_files: int = Field(32, ge=1, le=1000, description="Pictures in one request.")
    max_pixels: int = Field(
        60_000_000, ge=784, description="Pixels of a picture or page, checked before decoding."
    )
    max_pages: int = Field(50, ge=1, le=500, description="Pages of a document.")
    send_seconds: float = Field(20, gt=0, description="Seconds that sending a request's body may take.")
    request_seconds: float = Field(60, gt=0, description="Seconds that answering a request may take.")
    page_processes: int = Field(
        1, ge=1, le=64, description="Processes of each worker for pages and documents."
    )
    page_memory_mb: int = Field(
        2048, ge=512, description="MB of memory that each of these processes may use."
    )
    page_queue: int = Field(16, ge=1, description="Pages and documents that may wait in each worker.")
    queue: int = Field(256, ge=1, description="Single digits that may wait in each worker.")
    weights: Path | None = Field(
        None, description="The ONNX file of a network for single digits, instead of the one that came along."
    )
    line_weights: Path | None = Field(
        None, description="The ONNX file of a network for numbers, instead of the one that came along."
    )
    metrics: bool = Field(True, description="Serve /metrics for Prometheus.")
    log_level: Level = Field("info", description="The least that is logged: debug, info, warning or error.")
    log_content: bool = Field(
        False, description="Log what was read, too. Off: no picture and no digit in a log."
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value
        )

    @field_validator("root_path")
    @classmethod
    def _begins_with_slash(cls, value: str) -> str:
        path = value.rstrip("/")
        if path and not path.startswith("/"):
            raise ValueError("must begin with a slash, such as /digits")
        return path

    @model_validator(mode="after")
    def _has_key_file(self) -> Self:
        if self.api_key_file is not None and not self.api_key_file.is_file():
            raise ValueError(f"api_key_file {self.api_key_file}: no such file; write one key a line into it")
        return self

    @property
    def max_body_bytes(self) -> int:
        """`max_body_mb` in bytes; a MB is 2^20 bytes here."""
        return int(self.max_body_mb * 2**20)


def settings_from(given: Mapping[str, Any]) -> Settings:
    """The settings of a call: what was given, else the environment's, else the defaults.

    Args:
        given: by field; None where nothing was given.

    Raises:
        UsageError: one line that names the setting, its value and what it may be.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as e:
        raise UsageError(_in_one_line(e)) from None


def flag_of(name: str) -> str:
    """The flag of a field: `--max-body-mb`."""
    return "--" + name.replace("_", "-")


def _in_one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return reason
    name = str(first["loc"][0])
    return f"{flag_of(name)} ({PREFIX}{name.upper()}) {first['input']!r}: {reason[:1].lower()}{reason[1:]}"
