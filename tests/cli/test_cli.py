"""The frame of all commands: registration, exit codes, one-line errors, signals, completion."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer

import inkdigits
from inkdigits.cli import COMMANDS, app, main
from inkdigits.cli.extras import EXTRAS, is_installed, require
from inkdigits.cli.inputs import expand, files_of
from inkdigits.errors import InkdigitsError, InputError, MissingExtra, UnreadableImage, UsageError

ROOT = Path(__file__).parents[2]


def inkdigits_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`python -m inkdigits …` in a process of its own."""
    command = [sys.executable, "-m", "inkdigits", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def ended_with(arguments: list[str]) -> int:
    """The exit code of a command run in this process."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_every_command_is_registered_and_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert {command.name for command in app.registered_commands} == set(COMMANDS)
    for name in COMMANDS:
        assert ended_with([name, "--help"]) == 0
        assert f"inkdigits {name}" in capsys.readouterr().out


def test_every_command_file_is_registered() -> None:
    files = {path.stem for path in (ROOT / "src" / "inkdigits" / "cli").glob("*.py")}
    assert set(COMMANDS) == files - {"__init__", "extras", "inputs", "names", "outputs", "progress", "resume"}


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with(["--version"]) == 0
    assert capsys.readouterr().out == f"inkdigits {inkdigits.__version__}\n"
    assert f'version = "{inkdigits.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_python_m_inkdigits_is_the_same_program() -> None:
    ended = inkdigits_process("--version")
    assert (ended.returncode, ended.stdout) == (0, f"inkdigits {inkdigits.__version__}\n")


@pytest.mark.parametrize("arguments", [["nonsense"], ["classify"], ["classify", "a.png", "--nonsense"], []])
def test_a_wrong_call_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with(arguments) == 2
    said = capsys.readouterr()
    assert "Usage: inkdigits" in said.out + said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError, 2), (MissingExtra, 2), (UnreadableImage, 1), (InkdigitsError, 1)]
)
def test_errors_are_one_line_with_their_exit_code(
    error: type[InkdigitsError],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def failing() -> None:
        raise error("what was wrong")

    broken = typer.Typer()
    broken.command()(failing)
    monkeypatch.setattr("inkdigits.cli.app", broken)
    assert ended_with([]) == code
    assert capsys.readouterr().err == "inkdigits: what was wrong\n"


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> None:
        raise ZeroDivisionError

    broken = typer.Typer(pretty_exceptions_enable=False)
    broken.command()(failing)
    monkeypatch.setattr("inkdigits.cli.app", broken)
    with pytest.raises(ZeroDivisionError):
        main([])


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    picture = ROOT / "examples" / "digits" / "7-blue-pen.jpg"
    command = f'"{sys.executable}" -m inkdigits classify {" ".join([str(picture)] * 40)} --json | head -1'
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == ""


def test_ctrl_c_ends_with_130_and_says_nothing() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "inkdigits", "classify", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    loaded = Path(f"/proc/{process.pid}/maps")
    for _ in range(400):  # until it waits for its input, ONNX Runtime being loaded
        time.sleep(0.05)
        if not loaded.exists() or "onnxruntime" in loaded.read_text():
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_names_that_are_not_utf8_are_said_all_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xe9.png")
    ended = inkdigits_process(
        "classify", name, cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    )
    assert ended.returncode == 1
    assert "no such file" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str) -> None:
    def completed(words: str) -> str:
        variables = {
            "_INKDIGITS_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
            "_TYPER_COMPLETE_ARGS": words,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        return inkdigits_process(env={**os.environ, **variables}).stdout

    assert "classify" in completed("inkdigits cla")
    assert "--weights" in completed("inkdigits classify --we")


def test_what_an_extra_lacks_is_said_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "train", ("json", "no_such_module_1", "no_such_module_2"))
    with pytest.raises(
        MissingExtra, match=r"no_such_module_1, no_such_module_2.*pip install 'inkdigits\[train\]'"
    ):
        require("train")


def test_idle_threads_are_told_to_wait_before_torch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    require("train")
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    require("train")
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_extras_name_real_modules() -> None:
    assert all(is_installed(module) for modules in EXTRAS.values() for module in modules)
    assert not is_installed("no_such_module.at_all")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures, and things that are none, in some folders; the working folder."""
    for name in (
        "b.png",
        "a.PNG",
        "notes.txt",
        "sub/c.jpeg",
        ".hidden/d.png",
        "sub/.e.png",
        "other/f.csv",
        "[x].png",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_stands_for_its_pictures(folder: Path) -> None:
    assert files_of(".") == ["[x].png", "a.PNG", "b.png", "sub/c.jpeg"]
    assert files_of(str(folder / "sub")) == [str(folder / "sub" / "c.jpeg")]
    with pytest.raises(InputError, match="a folder without pictures"):
        files_of("other")


def test_patterns_are_matched_in_order(folder: Path) -> None:
    assert files_of("*.[pP]*") == ["[x].png", "a.PNG", "b.png"]
    assert files_of("**/*.jpeg") == ["sub/c.jpeg"]
    assert files_of(f"{folder}/*.txt") == [f"{folder}/notes.txt"]
    assert files_of("[x].png") == ["[x].png"]  # a file of that name comes before the pattern
    with pytest.raises(InputError, match=r"\*\.gif: no file matches"):
        files_of("*.gif")


@pytest.mark.usefixtures("folder")
def test_inputs_keep_their_order_and_failing_ones_their_place() -> None:
    found = expand(["sub", "-", "*.gif", "missing.png", "b.png", "other/f.csv"])
    assert [item.name for item in found] == [
        "sub/c.jpeg",
        "-",
        "*.gif",
        "missing.png",
        "b.png",
        "other/f.csv",
    ]
    assert [item.problem is not None for item in found] == [False, False, True, False, False, False]
    assert [item.is_data_set for item in found] == [False] * 5 + [True]
    with pytest.raises(InputError, match="no file matches"):
        found[2].read()
    assert found[3].read() == Path("missing.png")
