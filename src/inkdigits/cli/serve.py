"""`inkdigits serve`: the HTTP API and the web page. Its options are the server's settings."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from inkdigits.cli.extras import require


class Command(TyperCommand):
    """A command whose options are made from `Settings` when they are needed: importing it costs pydantic."""

    _options: list[Any] | None = None

    @property
    def params(self) -> list[Any]:
        """The options."""
        if self._options is None:
            self._options = _options()
        return self._options

    @params.setter
    def params(self, _: list[Any]) -> None:
        """Typer sets those of the function, which has none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As any command, but all options go to the function by the context."""
        rest = super().parse_args(ctx, args)
        ctx.obj, ctx.params = ctx.params, {}
        return rest


def serve(context: typer.Context) -> None:
    """Serve the HTTP API and the web page: draw, upload, and see it read.

    Prints where the page is and serves until Ctrl-C or SIGTERM; what was begun is then finished. The API is
    described in docs/serve.md and, while it runs, at /openapi.json.
    """
    require("serve")
    from inkdigits.server.serving import serve as run
    from inkdigits.server.settings import settings_from

    run(settings_from(context.obj))


def _options() -> list[Any]:
    """An option for each setting, as Typer makes them from a function's parameters."""
    require("serve")
    from inkdigits.server.settings import Settings

    def taken() -> None: ...

    parameters = [_parameter(name, field) for name, field in Settings.model_fields.items()]
    taken.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    taken.__annotations__ = {one.name: one.annotation for one in parameters}
    made = typer.Typer(add_completion=False)
    made.command()(taken)
    return typer.main.get_command(made).params


def _parameter(name: str, field: Any) -> inspect.Parameter:
    """One setting as a parameter. Its value stays text: Settings checks it, wherever it comes from."""
    from inkdigits.server.settings import PREFIX, flag_of

    flag, is_switch = flag_of(name), field.annotation is bool
    names = [f"{flag}/--no-{flag[2:]}"] if is_switch else [flag]
    shown = {"envvar": PREFIX + name.upper(), "help": field.description}
    if not is_switch:
        shown["metavar"] = _metavar(field.annotation)
    option = typer.Option(*names, **shown)
    default = field.default if is_switch else _text(field.default)
    kind: Any = Annotated[(bool if is_switch else str | None, option)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _text(default: Any) -> str | None:
    return (
        None if default in (None, "", ()) else f"{default:g}" if isinstance(default, float) else str(default)
    )


def _metavar(kind: Any) -> str:
    return {int: "N", float: "X", str: "TEXT"}.get(kind, "PATH" if "Path" in str(kind) else "TEXT")
