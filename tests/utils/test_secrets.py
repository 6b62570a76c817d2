"""Keys are found, and not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.errors import ConfigError
from diptych.utils.secrets import find_key, without_key


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


def found(folder: Path | None = None) -> str | None:
    key = find_key("OPENAI_API_KEY", folder=folder)
    return key.get_secret_value() if key else None


@pytest.mark.parametrize(
    "line", ["OPENAI_API_KEY=abc", "export OPENAI_API_KEY = 'abc'", 'OPENAI_API_KEY="abc"', "OPENAI_API_KEY=abc  "]
)
def test_a_key_stands_in_a_file(line: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"# keys\n\nOTHER=1\n{line}\n")
    assert found() == found(tmp_path) == "abc"


def test_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=file\n")
    monkeypatch.setenv("OPENAI_API_KEY", "environment\n")
    assert found() == "environment"
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    assert found() == "file"


def test_without_either_there_is_none(tmp_path: Path) -> None:
    assert found() is None
    (tmp_path / ".env").write_text("OPENAI_API_KEY=\n")
    assert found() is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"OPENAI_API_KEY sk-CANARY\n", r"\.env:1: expected NAME=value"),
        (b"OPENAI_API_KEY=sk-CANARY two\n", "OPENAI_API_KEY holds characters"),
        (b"OPENAI_API_KEY=sk-CANARY\xe2\x80\xa6\n", "OPENAI_API_KEY holds characters"),
        (b"OPENAI_API_KEY=sk-CANARY\xff\n", "cannot be read as UTF-8"),
    ],
)
def test_a_faulty_file_is_refused_without_being_shown(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        found()
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "topsecret")
    key = find_key("OPENAI_API_KEY")
    assert "topsecret" not in f"{key} {key!r} {[key]}"
    assert without_key("it was topsecret, or sk-proj-abc***def?", key) == "it was [key], or [key]?"
