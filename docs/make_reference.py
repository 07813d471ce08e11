"""Writes docs/cli.md, the reference of every command and option, from the commands themselves.

`make docs` runs it, and a test fails while the page differs from what the commands say.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer.main

from inkdigits.cli import app

PAGE = Path(__file__).with_name("cli.md")

HEAD = """\
# The command line

Written by `docs/make_reference.py` from the commands themselves: `make docs` makes it again.

Answers go to stdout, progress and logs to stderr. Exit codes: 0, all done; 1, some input failed and the rest
are done; 2, the call is wrong; 130, stopped with Ctrl-C. `inkdigits COMMAND --help` says the same in short.
`inkdigits --install-completion` teaches your shell to complete commands and options.
"""


def reference() -> str:
    """The whole page, in the order of `inkdigits --help`."""
    group: Any = typer.main.get_command(app)
    told = [(name, command) for name, command in group.commands.items() if not command.hidden]
    contents = "\n".join(f"- [`{name}`](#inkdigits-{name}): {_summary(command)}" for name, command in told)
    general = "\n".join(_rows(group))
    sections = "\n".join(_section(name, command) for name, command in told)
    return f"{HEAD}\n{contents}\n\n| option | what it does |\n| --- | --- |\n{general}\n\n{sections}"


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([f"inkdigits {name}", "[OPTIONS]", *(_metavar(a) for a in arguments)])
    rows = "\n".join(_rows(command))
    table = f"| argument or option | what it does |\n| --- | --- |\n{rows}\n" if rows else ""
    return f"## inkdigits {name}\n\n    {usage}\n\n{_text(command.help)}\n\n{table}"


def _rows(command: Any) -> Iterator[str]:
    kinds = get_type_hints(command.callback)
    for p in command.params:
        if p.hidden:
            continue
        kind = kinds.get(p.name, bool)
        names = ", ".join(f"`{o}`" for o in [*p.opts, *p.secondary_opts]) + _value(p, kind)
        if p.param_type_name == "argument":
            names = f"`{_metavar(p)}`".replace("|", "\\|")
        yield f"| {names} | {_text(p.help, joined=True)}{_choices(kind)}{_default(p)} |"


def _value(option: Any, kind: Any) -> str:
    """What stands after an option: a name for its value, or nothing where it is a switch."""
    if option.metavar:
        return f" *{option.metavar}*"
    kinds = {int: " *N*", float: " *X*", Path: " *PATH*", str: " *TEXT*"}
    if _literals(kind):
        return " *CHOICE*"
    return next((name for one, name in kinds.items() if one in _parts(kind)), "")


def _choices(kind: Any) -> str:
    literals = _literals(kind)
    return f" One of {', '.join(f'`{one}`' for one in literals)}." if literals else ""


def _literals(kind: Any) -> tuple[str, ...]:
    """The values of a Literal, also of one that may be None."""
    for one in _parts(kind):
        if get_origin(one) is Literal:
            return get_args(one)
    return ()


def _parts(kind: Any) -> tuple[Any, ...]:
    """A type and all that it is made of: `list[str] | None` is also `list[str]`, `str` and None."""
    return (kind, *(part for inner in get_args(kind) for part in _parts(inner)))


def _metavar(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()).strip("[]")
    name = f"{name}…" if argument.nargs == -1 or argument.multiple else name
    return name if argument.required else f"[{name}]"


def _default(param: Any) -> str:
    value = param.default
    if param.required or value in (None, False, (), []) or callable(value) or not param.show_default:
        return ""
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    shown = param.opts[0] if value is True else value.value if isinstance(value, Enum) else value
    return f" Default: `{shown}`."


def _text(text: str | None, *, joined: bool = False) -> str:
    """A help text as Markdown: as it is, or in one line that a table can hold."""
    cleaned = inspect.cleandoc(text or "").replace("\f", "")
    return " ".join(cleaned.split()).replace("|", "\\|") if joined else cleaned


def _summary(command: Any) -> str:
    return _text(_text(command.help).split("\n\n")[0], joined=True)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    print(f"{PAGE}: written")
