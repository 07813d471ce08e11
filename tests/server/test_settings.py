"""Settings: one definition for flags, variables and defaults; bad values get one clear line."""

from __future__ import annotations

import re

import pytest

from inkdigits.cli import main
from inkdigits.errors import UsageError
from inkdigits.server.settings import PREFIX, Settings, flag_of, settings_from


def test_defaults_are_safe(monkeypatch):
    """This machine alone, no page of others, nothing read in a log."""
    defaults = settings_from({})
    assert defaults.host == "127.0.0.1"
    assert defaults.cors_origins == ()
    assert not defaults.log_content
    monkeypatch.setenv("INKDIGITS_PORT", "")  # as an empty variable of a container: not set
    assert settings_from({}).port == 8000


def test_what_is_given_comes_before_the_environment(monkeypatch):
    """Flag, then variable, then default."""
    monkeypatch.setenv("INKDIGITS_PORT", "9001")
    monkeypatch.setenv("INKDIGITS_CORS_ORIGINS", "https://a.example, https://b.example")
    settings = settings_from({"max_files": "3", "port": None})
    assert (settings.port, settings.max_files) == (9001, 3)
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings_from({"port": "9002"}).port == 9002


def test_root_path_has_no_slash_at_its_end():
    """So that it can be put before a path."""
    assert settings_from({"root_path": "/digits/"}).root_path == "/digits"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("port", "99999", "--port (INKDIGITS_PORT) '99999': input should be less than or equal to 65535"),
        ("workers", "0", "--workers"),
        ("rate", "fast", "--rate (INKDIGITS_RATE) 'fast'"),
        ("max_pixels", "12.5", "--max-pixels"),
        ("root_path", "digits", "must begin with a slash"),
        ("api_key_file", "/no/such/file", "/no/such/file: no such file"),
        ("log_level", "loud", "--log-level (INKDIGITS_LOG_LEVEL) 'loud'"),
        ("bogus", "1", "--bogus"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(name: str, value: str, told: str):
    """Which setting, its value, what it may be."""
    with pytest.raises(UsageError) as error:
        settings_from({name: value})
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_variables_are_checked_too(monkeypatch):
    """The line names the variable."""
    monkeypatch.setenv("INKDIGITS_QUEUE", "-1")
    with pytest.raises(UsageError, match="INKDIGITS_QUEUE"):
        settings_from({})


def test_help_lists_every_setting(capsys, monkeypatch):
    """Flag, variable and default of each."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    with pytest.raises(SystemExit) as end:
        main(["serve", "--help"])
    told = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert end.value.code == 0
    for name, field in Settings.model_fields.items():
        assert flag_of(name) in told
        assert PREFIX + name.upper() in told
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert f"[default: {field.default:g}]".replace("6e+07", "60000000") in told
    assert "--no-metrics" in told


def test_bad_flags_end_the_command_with_2(capsys):
    """One line, no traceback, before anything is opened."""
    with pytest.raises(SystemExit) as end:
        main(["serve", "--max-body-mb", "0"])
    assert end.value.code == 2
    assert re.fullmatch(r"inkdigits: --max-body-mb .*\n", capsys.readouterr().err)
